sink "kafka" "s" { # WARNING PB2116
  brokers = ["127.0.0.1:9092"]
  topic   = "t"
  tls {
    ca_file = "a"
  }
  tls { # ERROR PB2110
    ca_file = "b"
  }
}
