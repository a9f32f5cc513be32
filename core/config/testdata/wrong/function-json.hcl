sink "sqlite" "s" { # WARNING PB2116
  path = jsondecode("{") # ERROR PB2202
}
