pipeline "p" {
  from = [source.twilio.base]
  filter { when = has() } # ERROR PB2202
  filter { when = matches(event.sender, event.recipient) } # ERROR PB2202
  to   = [sink.sqlite.base]
}
