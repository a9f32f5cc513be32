source "twilio" "support" {
  auth_token = secret("env:TOKEN")
}

sink "sqlite" "facts" {
  path = "events.db"
}

pipeline "messaging" {
  from = [source.twilio.support]
  dedup { window = "168h" }
  filter { when = event.event_type != "queued" || event.event_type == "sent" }
  normalize {}
  to = [sink.sqlite.facts]
}
