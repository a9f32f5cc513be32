sink "sqlite" "s" { # WARNING PB2116
  path = one(["x", "y"]) # ERROR PB2202
}
