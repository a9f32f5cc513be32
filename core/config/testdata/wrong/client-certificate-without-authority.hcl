source "twilio" "other" {
  auth_token         = secret("env:TWILIO_AUTH_TOKEN")
  client_certificate = true # ERROR PB2103
}

pipeline "other" {
  from = [source.twilio.other]
  to   = [sink.sqlite.base]
}
