sink "kafka" "s" { # WARNING PB2116
  brokers = ["127.0.0.1:9092"]
  topic   = "t"
  partitions = "many" # ERROR PB2108
  ratio      = true # ERROR PB2108
  compress   = "maybe" # ERROR PB2108
  linger     = "soon" # ERROR PB2109
  headers    = ["a"] # ERROR PB2108
}
