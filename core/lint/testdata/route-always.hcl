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
    when = true
    to   = [sink.kafka.stream]
  }
  to = [sink.sqlite.facts]
}
