lookup "csv" "campaigns" {
  file = "campaigns.csv"
}

pipeline "p" {
  from = [source.twilio.base]
  enrich "e" {
    lookup = lookup.csv.campaigns
    key    = event.campaign_id
    set    = { region = found.regoin } # ERROR PB2105
  }
  to   = [sink.sqlite.base]
}
