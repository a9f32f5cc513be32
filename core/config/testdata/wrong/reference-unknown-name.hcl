pipeline "p" {
  from = [source.twilio.bse] # ERROR PB2105
  to   = [sink.sqlite.nothing] # ERROR PB2105
}
