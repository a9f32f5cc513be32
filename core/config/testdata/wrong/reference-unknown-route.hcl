pipeline "p" {
  from = [source.twilio.base]
  route "r" {
    when = event.channel == "sms"
    to   = [sink.sqlite.bas] # ERROR PB2105
  }
  to   = [sink.sqlite.base]
}
