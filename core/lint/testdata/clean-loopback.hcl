receiver {
  listen     = "[::1]:8080"
  public_url = "http://localhost:8080"
}
admin {
  listen = "localhost:9090"
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
