pipeline "p" {
  from = [source.twilio.base]
  redact {
    tokenize = ["recipient"]
    key      = "hunter2-hunter2-hunter2" # WARNING PB2302
  }
  to   = [sink.sqlite.base]
}
