sink "sqlite" "s" { # WARNING PB2116
  path = format("%999999999d", 1) # ERROR PB2202
}
