sink "sqlite" "s" { # WARNING PB2116
  path = "${each.key}.db" # ERROR PB2105
}
