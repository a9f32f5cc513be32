sink "kafka" "s" { # WARNING PB2116
  brokers = ["127.0.0.1:9092"]
  topic   = "t"

  dynamic "maping" { # ERROR PB2101
    for_each = ["a"]
    content {
      from = "a"
    }
  }
}
