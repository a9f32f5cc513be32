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
  route "problems" {
    when = event.delivery_status == "failed"
    to   = [sink.sqlite.facts]
  }
  to = [sink.sqlite.facts]
}
