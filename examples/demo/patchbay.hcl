# What the demonstration runs: two providers, one pipeline, one SQLite file.
# `make demo` copies this folder's configuration to a temporary place, sets the
# variables and the secret, and starts patchbay on it.

variable "listen" {
  type    = string
  default = "127.0.0.1:8080"
}

# A public key is no secret. SendGrid shows it next to the webhook's settings.
variable "sendgrid_public_key" {
  type = string
}

receiver {
  listen     = var.listen
  public_url = "https://hooks.example.com" # as the providers call us, and sign
}

admin {
  listen = "127.0.0.1:0" # any free port; the command line finds it
}

source "twilio" "support" {
  auth_token = secret("env:TWILIO_AUTH_TOKEN")
}

source "sendgrid" "marketing" {
  public_key = var.sendgrid_public_key
}

lookup "csv" "campaigns" {
  file = "campaigns.csv"
}

sink "sqlite" "facts" {
  path = "events.db"
}

pipeline "messaging" {
  from = [source.twilio.support, source.sendgrid.marketing]

  # The same fact is counted once, however often a provider sends it.
  dedup {
    window = "168h"
  }

  # Every provider's words become the same words.
  normalize {}

  enrich "campaign" {
    lookup = lookup.csv.campaigns
    key    = event.campaign_id
    set    = { campaign_name = found.name, region = found.region }
  }

  to = [sink.sqlite.facts]
}
