variable "hidden" {
  sensitive = true
  default   = secret("env:SENDGRID_KEY")
}

pipeline "p" {
  from = [source.twilio.base]
  filter { when = event.sender == var.hidden } # ERROR PB2303
  to   = [sink.sqlite.base]
}
