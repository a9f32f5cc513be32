pipeline "p" {
  from = [source.twilio.base]
  dedup { window = "1h" } # WARNING PB2120
  to   = [sink.sqlite.base]
}
