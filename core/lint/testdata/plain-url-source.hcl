receiver {
  public_url = "https://hooks.example.com"
}
source "twilio" "support" {
  auth_token = secret("env:TOKEN")
  public_url = "http://other.example.com/x"
}

sink "sqlite" "facts" {
  path = "events.db"
}

pipeline "messaging" {
  from = [source.twilio.support]
  dedup { window = "168h" }
  normalize {}
  to = [sink.sqlite.facts]
}
