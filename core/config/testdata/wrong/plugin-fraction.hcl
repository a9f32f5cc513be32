sink "kafka" "s" { # WARNING PB2116
  brokers = ["127.0.0.1:9092"]
  topic   = "t"
  partitions = 1.5 # ERROR PB2108
}
