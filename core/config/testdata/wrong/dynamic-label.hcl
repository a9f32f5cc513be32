sink "kafka" "s" { # WARNING PB2116
  brokers = ["127.0.0.1:9092"]
  topic   = "t"

  dynamic { # ERROR PB2112
    for_each = ["a"]
    content {}
  }
}
