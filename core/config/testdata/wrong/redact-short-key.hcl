pipeline "p" {
  from = [source.twilio.base]
  redact {
    tokenize = ["recipient"]
    key      = secret("env:SHORT_KEY") # ERROR PB2114
  }
  redact { mask = ["sender"] } # ERROR PB2110
  to   = [sink.sqlite.base]
}
