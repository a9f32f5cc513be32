sink "sqlite" "s" { # WARNING PB2116
  path = regex("(x", "y") # ERROR PB2204
}
