sink "kafka" "s" { # WARNING PB2116 ERROR PB2103
  topic = "t"
  brokers { # ERROR PB2101
  }
}
