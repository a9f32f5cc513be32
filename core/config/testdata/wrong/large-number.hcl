sink "sqlite" "s" { # WARNING PB2116
  path = "${1e999999}.db" # ERROR PB2207
}
