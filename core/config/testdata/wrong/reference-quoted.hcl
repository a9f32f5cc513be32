pipeline "p" {
  from = ["source.twilio.base"] # ERROR PB2105
  to   = [sink.sqlite] # ERROR PB2105
}
