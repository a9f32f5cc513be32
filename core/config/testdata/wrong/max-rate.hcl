source "twilio" "slow" {
  auth_token = secret("env:TWILIO_AUTH_TOKEN")
  max_rate   = 0 # ERROR PB2114
}

source "twilio" "fast" {
  auth_token = secret("env:TWILIO_AUTH_TOKEN")
  max_rate   = 2000000 # ERROR PB2114
}

pipeline "other" {
  from = [source.twilio.slow, source.twilio.fast]
  to   = [sink.sqlite.base]
}
