sink "kafka" "s" { # WARNING PB2116
  brokers = [for a in ["a"] : [for b in [a] : [for c in [b] : [for d in [c] : d]]]] # ERROR PB2203
  topic   = "t"
}
