lookup "csv" "campaigns" {
  file = "campaigns.csv"
}

pipeline "p" {
  from = [source.twilio.base]
  enrich "e" {
    lookup = lookup.csv.campaigns
    key    = event.campaign_id
    set = {
      event_id   = found.tier # ERROR PB2118
      event_type = found.tier # ERROR PB2118
    }
  }
  to   = [sink.sqlite.base]
}
