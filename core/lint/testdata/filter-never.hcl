source "twilio" "support" {
  auth_token = secret("env:TOKEN")
}

sink "sqlite" "facts" {
  path = "events.db"
}

variable "on" {
  default = false
}

pipeline "messaging" {
  from = [source.twilio.support]
  dedup { window = "168h" }
  normalize {}
  filter { when = var.on }
  to = [sink.sqlite.facts]
}
