pipeline "p" {
  from = [source.twilio.base]
  set { event_type = "delivered" } # ERROR PB2118
  set { custmer_id = event.recipient } # ERROR PB2102
  set {
    region     = "eu" # ERROR PB2102
    recipient  = event.recepient # ERROR PB2104
    attributes = { "a b" = "x", tier = found.tier } # ERROR PB2109 ERROR PB2105
  }
  to   = [sink.sqlite.base]
}
