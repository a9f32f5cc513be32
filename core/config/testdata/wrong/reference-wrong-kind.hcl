pipeline "p" {
  from = [sink.sqlite.base] # ERROR PB2105
  to   = [source.twilio.base] # ERROR PB2105
}
