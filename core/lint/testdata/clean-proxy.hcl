receiver {
  listen          = ":8080"
  trusted_proxies = ["10.0.0.0/8"]
}
source "twilio" "support" {
  auth_token = secret("env:TOKEN")
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
