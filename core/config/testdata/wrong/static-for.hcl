sink "kafka" "s" { # WARNING PB2116
  brokers = [for b in ["a"] : b] # ERROR PB2203
  topic   = "t"
}
