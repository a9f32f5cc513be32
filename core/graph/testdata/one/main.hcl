source "twilio" "support" {}

sink "sqlite" "facts" {}

pipeline "messaging" {
  from = [source.twilio.support]
  to   = [sink.sqlite.facts]
}
