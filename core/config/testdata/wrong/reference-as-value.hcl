sink "kafka" "s" { # WARNING PB2116
  brokers = ["127.0.0.1:9092"]
  topic   = "t"
  acks = sink.sqlite.base # ERROR PB2108
}
