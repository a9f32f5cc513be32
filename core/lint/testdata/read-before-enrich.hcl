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
  filter { when = event.customer_id != null || event.attributes.region == "eu" }
  enrich "campaign" {
    lookup = lookup.csv.campaigns
    key    = event.campaign_id
    set    = { customer_id = found.tier, region = found.tier }
  }
  to = [sink.sqlite.facts]
}
