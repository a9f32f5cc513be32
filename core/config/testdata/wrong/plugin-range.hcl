sink "kafka" "s" { # WARNING PB2116
  brokers = ["127.0.0.1:9092"]
  topic   = "t"
  partitions = 0 # ERROR PB2114
  ratio      = 1.5 # ERROR PB2114
  linger     = "2m" # ERROR PB2114
}
