pipeline "p" {
  from = [source.twilio.base]
  filter { when = found.tier == "gold" } # ERROR PB2105
  filter { when = evnt.channel == "sms" } # ERROR PB2105
  filter { when = channel == sms } # ERROR PB2105 ERROR PB2105
  to   = [sink.sqlite.base]
}
