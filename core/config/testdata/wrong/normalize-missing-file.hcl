pipeline "p" {
  from = [source.twilio.base]
  normalize { mapping = "nowhere.csv" } # ERROR PB2119
  to   = [sink.sqlite.base]
}
