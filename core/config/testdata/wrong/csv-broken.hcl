sink "sqlite" "s" { # WARNING PB2116
  path = csv("t.csv")[0].path # ERROR PB2119
}
