lookup "csv" "campaigns" {
  file = "campaigns.csv"
}

patchbay {
  required_version = "~> 0.1"
  data_dir         = "/var/lib/patchbay"
}

receiver {
  listen          = ":8443"
  public_url      = "https://hooks.example.com/in"
  max_body        = "2MiB"
  max_in_flight   = 4194304
  max_connections = 100
  header_timeout  = "1s"
}

admin {
  listen = "127.0.0.1:0"
}

journal {
  retain   = "24h"
  max_disk = "10GiB"
  min_free = "1GiB"
}

source "sendgrid" "marketing" {
  path            = "/sg"
  public_key      = secret("env:SENDGRID_KEY")
  on_auth_failure = "quarantine"
  max_body        = "512KiB"
}

source "sendgrid" "elsewhere" {
  public_key = secret("env:SENDGRID_KEY")
  public_url = "https://other.example.com/abc"
}

pipeline "messaging" {
  from = [source.twilio.base, source.sendgrid.marketing, source.sendgrid.elsewhere]
  dedup { window = "72h" }
  normalize { mapping = "campaigns.csv" }
  enrich "campaign" {
    lookup = lookup.csv.campaigns
    key    = event.campaign_id
    set = {
      account      = found.tier
      account_tier = upper(found.tier)
    }
  }
  filter { when = event.event_type != "queued" }
  route "problems" {
    when = event.delivery_status == "failed"
    to   = [sink.sqlite.base]
  }
  filter { when = true }
  to = [sink.sqlite.base]
}
