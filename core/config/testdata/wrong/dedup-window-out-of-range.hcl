pipeline "p" {
  from = [source.twilio.base]
  dedup { window = "999ms" } # ERROR PB2114
  to   = [sink.sqlite.base]
}
