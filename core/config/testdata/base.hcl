source "twilio" "base" {
  auth_token = secret("env:TWILIO_AUTH_TOKEN")
}

sink "sqlite" "base" {
  path = "events.db"
}

pipeline "base" {
  from = [source.twilio.base]
  to   = [sink.sqlite.base]
}
