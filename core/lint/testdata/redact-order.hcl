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
  redact {
    drop = ["source_payload"]
    mask = ["recipient", "error_reason", "customer_id", "attributes.city"]
  }
  normalize {}
  enrich "crm" {
    lookup = lookup.csv.campaigns
    key    = event.recipient
    set    = { customer_id = found.tier }
  }
  set {
    campaign_id = event.sender
    attributes  = { city = event.payload.City }
  }
  filter { when = event.attributes.city == "x" && event.channel == "sms" }
  to = [sink.sqlite.facts]
}
