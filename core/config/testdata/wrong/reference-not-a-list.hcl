pipeline "p" {
  from = source.twilio.base # ERROR PB2108
  to   = [] # ERROR PB2103
}
