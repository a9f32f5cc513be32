sink "sqlite" "s" { # WARNING PB2116
  path = file("../x.txt") # ERROR PB2119
}
