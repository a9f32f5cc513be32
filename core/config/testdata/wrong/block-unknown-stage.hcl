pipeline "p" {
  from = [source.twilio.base]
  fliter { when = true } # ERROR PB2101
  to   = [sink.sqlite.base]
}
