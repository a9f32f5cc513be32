sink "kafka" "s" { # WARNING PB2116
  brokers = { a = "b" } # ERROR PB2108
  topic   = ["t"] # ERROR PB2108
}
