sink "kafka" "s" { # WARNING PB2116
  brokers = ["127.0.0.1:9092"]
  topic   = "t"
  mapping {
    from = "a"
    to   = "b"
  }
  mapping { # ERROR PB2103
    from = "a"
    too  = "b" # ERROR PB2102
  }
}
