pipeline "p" {
  from = [source.twilio.base]
  on_failure { # ERROR PB2103
  }
  to   = [sink.sqlite.base]
}
