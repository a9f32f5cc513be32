source "twilio" "base" { # ERROR PB2110
  auth_token = secret("env:TWILIO_AUTH_TOKEN")
}

pipeline "base" { # ERROR PB2110
  from = [source.twilio.base]
  to   = [sink.sqlite.base]
}
