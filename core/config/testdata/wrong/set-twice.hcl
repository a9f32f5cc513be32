pipeline "p" {
  from = [source.twilio.base]
  set "one" {
    campaign_id = event.attributes.utm
    attributes  = { campaign_id = "x" } # ERROR PB2110
  }
  set "one" { account = "a" } # ERROR PB2110
  set { attributes = "eu" } # ERROR PB2108
  to   = [sink.sqlite.base]
}
