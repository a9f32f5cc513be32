pipeline "p" {
  from = [source.twilio.base]

  dynamic "route" {
    for_each = ["failed", "bounced"]
    labels   = route.value # ERROR PB2108
    content {
      when = event.delivery_status == route.value
      to   = [sink.sqlite.base]
    }
  }
  to = [sink.sqlite.base]
}
