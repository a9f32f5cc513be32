pipeline "p" {
  from = [source.twilio.base]
  redact {
    mask = ["sender"]
    key  = secret("env:SENDGRID_KEY") # WARNING PB2116
  }
  to   = [sink.sqlite.base]
}
