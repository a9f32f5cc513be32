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
  set { attributes = { city = event.payload.City } }
  filter { when = event.recipient != null }
  redact {
    drop     = ["source_payload.Body", "attributes.city"]
    tokenize = ["recipient"]
    key      = secret("env:PII_KEY")
  }
  to = [sink.sqlite.facts]
}
