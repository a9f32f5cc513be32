sink "kafka" "s" { # WARNING PB2116
  brokers = ["127.0.0.1:9092"]
  topic   = "t"

  dynamic "mapping" { # ERROR PB2103
    content {
      from = "a"
      to   = "b"
    }
  }
}
