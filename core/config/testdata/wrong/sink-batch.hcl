sink "kafka" "s" { # WARNING PB2116
  brokers = ["127.0.0.1:9092"]
  topic   = "t"
  batch {
    max_events = 0 # ERROR PB2114
    max_bytes  = "1GiB" # ERROR PB2114
    max_wait   = "-1s" # ERROR PB2114
    max_size   = 1 # ERROR PB2102
  }
}
