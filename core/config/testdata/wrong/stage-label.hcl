pipeline "p" {
  from = [source.twilio.base]
  dedup "x" {} # ERROR PB2112
  to   = [sink.sqlite.base]
}
