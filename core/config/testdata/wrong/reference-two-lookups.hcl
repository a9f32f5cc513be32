lookup "csv" "many" {
  for_each = ["a", "b"]
  file     = "campaigns.csv"
}

pipeline "p" {
  from = [source.twilio.base]
  enrich "x" {
    lookup = lookup.csv.many # ERROR PB2108
    key    = event.campaign_id
    set    = { account = found.tier }
  }
  to = [sink.sqlite.base]
}
