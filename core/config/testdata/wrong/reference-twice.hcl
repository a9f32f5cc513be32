pipeline "p" {
  from = [source.twilio.base, source.twilio.base] # ERROR PB2110
  to   = [sink.sqlite.base]
}
