source "twilio" "other" {
  auth_token = secret("env:TWILIO_AUTH_TOKEN")
  allow      = ["300.0.0.1"] # ERROR PB2109
}

pipeline "other" {
  from = [source.twilio.other]
  to   = [sink.sqlite.base]
}
