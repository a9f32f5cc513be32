pipeline "p" {
  from = [source.twilio.base]
  redact { # ERROR PB2103
  }
  to   = [sink.sqlite.base]
}
