sink "kafka" "s" { # WARNING PB2116
  brokers = ["127.0.0.1:9092"]
  topic   = "t"

  dynamic "mapping" {
    for_each = { first = "a", second = 2 > 1 }
    content {
      from = mapping.key
      to   = mapping.valeu # ERROR PB2207
    }
  }
}
