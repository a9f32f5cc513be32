locals {
  pairs = { x = 1, y = 2 }
}

sink "kafka" "s" {
  brokers = ["a:1"]
  topic   = "t"

  dynamic "mapping" {
    for_each = local.pairs
    content {
      from = mapping.key
      to   = mapping.value
    }
  }
  mapping {
    from = "z"
    to   = "z"
  }
  dynamic "tls" {
    for_each = ["ca.pem"]
    iterator = file
    content {
      ca_file = file.value
    }
  }
  dynamic "batch" {
    for_each = [7]
    content {
      max_events = batch.value
    }
  }
}

pipeline "p" {
  from = [source.twilio.base]
  dedup { window = "168h" }

  dynamic "route" {
    for_each = ["failed", "bounced"]
    labels   = [route.value]
    content {
      when = event.provider_status == route.value
      to   = [sink.kafka.s]
    }
  }
  filter { when = event.account != "test" }
  to = [sink.sqlite.base]
}
