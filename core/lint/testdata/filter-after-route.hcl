source "twilio" "support" {
  auth_token = secret("env:TOKEN")
}

sink "sqlite" "facts" {
  path = "events.db"
}

sink "kafka" "stream" {
  topic = "events"
}

pipeline "messaging" {
  from = [source.twilio.support]
  dedup { window = "168h" }
  normalize {}
  route "problems" {
    when = event.delivery_status == "failed"
    to   = [sink.kafka.stream]
  }
  filter { when = event.recipient != null }
  to = [sink.sqlite.facts]
}
