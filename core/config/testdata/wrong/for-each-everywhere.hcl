sink "sqlite" "many" { # WARNING PB2116
  for_each = ["a", "b", "c"]
  path     = 1 < "x" # ERROR PB2207
}
