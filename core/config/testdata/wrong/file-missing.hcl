sink "sqlite" "s" { # WARNING PB2116
  path = file("nowhere.txt") # ERROR PB2119
}
