source "twilio" "support" {
  auth_token = secret("env:TOKEN")
}

sink "sqlite" "facts" {
  path = "events.db"
}

lookup "csv" "campaigns" {
  file = "campaigns.csv"
}

pipeline "messaging" {
  from = [source.twilio.support]
  dedup { window = "168h" }
  normalize {}
  enrich "customer" {
    lookup = lookup.csv.campaigns
    key    = event.customer_id
    set    = { tier = event.attributes["region"] }
  }
  enrich "campaign" {
    lookup = lookup.csv.campaigns
    key    = event.campaign_id
    set    = { customer_id = found.tier, region = found.tier }
  }
  to = [sink.sqlite.facts]
}
