# patchbay:ignore PB2508
# patchbay:ignore
# patchbay:ignore PB9999 no such code
# patchbay:ignore PB2105 an error
# patchbay:ignore PB2301 depends on the machine
# patchbay:ignore PB2591 itself
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
