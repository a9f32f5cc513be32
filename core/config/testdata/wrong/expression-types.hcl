pipeline "p" {
  from = [source.twilio.base]
  filter { when = event.recipient } # ERROR PB2108
  filter { when = 5 } # ERROR PB2108
  filter { when = event.event_type } # ERROR PB2108
  filter { when = length(event.sender) == true } # ERROR PB2108
  filter { when = event.event_timestamp > "yesterday" } # ERROR PB2109
  to   = [sink.sqlite.base]
}
