pipeline "p" {
  from = [source.twilio.base]
  filter { when = [for x in ["a"] : x] == [] } # ERROR PB2203
  filter { when = event.payload.items[*].x == 1 } # ERROR PB2203
  to   = [sink.sqlite.base]
}
