pipeline "p" {
  from = [source.twilio.base]
  filter { when = matches(event.sender, "(") } # ERROR PB2204
  filter { when = cidrmatch(event.attributes.ip, "10.0.0.0") } # ERROR PB2204
  to   = [sink.sqlite.base]
}
