lookup "csv" "campaigns" {
  file = "campaigns.csv"
}

pipeline "p" {
  from = [source.twilio.base]
  enrich "e" {
    lookup = lookup.csv.campaigns
    key    = event.campaign_id
    set = {
      custmer_id = found.tier # WARNING PB2117
      "a b"      = found.tier # ERROR PB2109
      region     = found.region
      region     = found.tier # ERROR PB2110
    }
  }
  to   = [sink.sqlite.base]
}
