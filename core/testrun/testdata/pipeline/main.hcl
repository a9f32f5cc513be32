receiver {
  public_url = "https://hooks.example.com"
}

source "acme" "brand" {
  secret = secret("env:NOT_SET_ANYWHERE")
}

source "acme" "other" {
  secret = secret("env:NOT_SET_ANYWHERE")
}

sink "nowhere" "facts" {}

sink "nowhere" "problems" {}

lookup "csv" "campaigns" {
  file = "campaigns.csv"
}

pipeline "messaging" {
  from = [source.acme.brand, source.acme.other]

  dedup {
    window = "1h"
  }
  normalize {}
  enrich "campaign" {
    lookup = lookup.csv.campaigns
    key    = event.campaign_id
    set    = { tier = found.tier }
  }
  filter {
    when = event.event_type != "queued"
  }
  filter {
    when = now() < timestamp("2030-01-01T00:00:00Z")
  }
  route "problems" {
    when = event.delivery_status == "failed"
    to   = [sink.nowhere.problems]
  }
  route "never" {
    when = event.recipient == "nobody"
    to   = [sink.nowhere.problems]
  }

  to = [sink.nowhere.facts]
}

pipeline "untested" {
  from = [source.acme.other]
  to   = [sink.nowhere.facts]
}

pipeline "private" {
  from = [source.acme.brand]

  redact {
    tokenize = ["recipient"]
    key      = secret("env:NOT_SET_ANYWHERE")
  }

  to = [sink.nowhere.facts]
}
