sink "sqlite" "s" { # WARNING PB2116
  path = trim("x.db") # ERROR PB2202
}
