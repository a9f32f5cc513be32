pipeline "p" {
  from = [source.twilio.base]
  redact { tokenize = ["recipient"] } # ERROR PB2103
  to   = [sink.sqlite.base]
}
