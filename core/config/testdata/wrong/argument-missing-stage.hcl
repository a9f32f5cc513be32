pipeline "p" {
  from = [source.twilio.base]
  filter {} # ERROR PB2103
  route "r" {} # ERROR PB2103 ERROR PB2103
  enrich "e" {} # ERROR PB2103 ERROR PB2103 ERROR PB2103
  to   = [sink.sqlite.base]
}
