pipeline "p" {
  from = [source.twilio.base]
  filter { when = 1 / 0 == 1 } # ERROR PB2207
  filter { when = event.attributes.id == 9007199254740993 } # ERROR PB2207
  to   = [sink.sqlite.base]
}
