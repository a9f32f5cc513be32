pipeline "p" {
  from = [source.twilio.base]
  set { # ERROR PB2103
  }
  to   = [sink.sqlite.base]
}
