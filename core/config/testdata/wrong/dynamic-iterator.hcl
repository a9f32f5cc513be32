sink "kafka" "s" { # WARNING PB2116
  brokers = ["127.0.0.1:9092"]
  topic   = "t"

  dynamic "mapping" {
    for_each = ["a"]
    iterator = var # ERROR PB2109
    content {
      from = "a"
      to   = "b"
    }
  }
}
