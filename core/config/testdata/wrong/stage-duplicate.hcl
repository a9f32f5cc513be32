pipeline "p" {
  from = [source.twilio.base]
  dedup {}
  dedup {} # ERROR PB2110
  to   = [sink.sqlite.base]
}
