pipeline "p" {
  from = [source.twilio.base]
  route "problems" {
    when = event.channel == "sms" && event.delivery_state == "failed" # ERROR PB2104
    to   = [sink.sqlite.base]
  }
  to   = [sink.sqlite.base]
}
