pipeline "p" {
  from = [source.twilio.base]
  filter { when = start_with(event.sender, "+1") } # ERROR PB2201
  filter { when = startwith(event.sender, "+1") } # ERROR PB2201
  to   = [sink.sqlite.base]
}
