pipeline "p" {
  from = [source.twilio.base]
  filter { when = event.event_type == "deliverd" } # ERROR PB2107
  filter { when = contains(["sms", "emial"], event.channel) } # ERROR PB2107
  to   = [sink.sqlite.base]
}
