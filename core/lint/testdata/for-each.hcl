source "twilio" "support" {
  auth_token = secret("env:TOKEN")
}

sink "kafka" "stream" {
  for_each = toset(["a", "b"])
  topic    = "events-${each.key}"
}

pipeline "messaging" {
  for_each = { a = 1 }
  from     = [source.twilio.support]
  dedup { window = "168h" }
  to = [sink.kafka.stream]
}
