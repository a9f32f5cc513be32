admin {
  # patchbay:ignore PB2508 the firewall lets nobody else in
  # and monitoring needs it
  listen = ":9090"
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
