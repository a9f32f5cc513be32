source "twilio" "support" {
  auth_token = secret("env:TOKEN")
}

sink "sqlite" "facts" {
  path = "events.db"
}

source "sendgrid" "marketing" {
  public_key = "k"
}

pipeline "messaging" {
  from = [source.twilio.support, source.sendgrid.marketing]
  normalize {}
  to = [sink.sqlite.facts]
}
