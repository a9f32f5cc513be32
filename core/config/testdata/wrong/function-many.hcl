sink "sqlite" "s" { # WARNING PB2116
  path = upper("x", "y") # ERROR PB2202
}
