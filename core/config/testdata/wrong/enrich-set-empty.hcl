lookup "csv" "campaigns" {
  file = "campaigns.csv"
}

pipeline "p" {
  from = [source.twilio.base]
  enrich "e" {
    lookup = lookup.csv.campaigns
    key    = event.campaign_id
    set    = {} # ERROR PB2108
  }
  to   = [sink.sqlite.base]
}
