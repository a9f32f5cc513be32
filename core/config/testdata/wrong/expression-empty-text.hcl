pipeline "p" {
  from = [source.twilio.base]
  filter { when = event.campaign_id != "" } # ERROR PB2205
  to   = [sink.sqlite.base]
}
