sink "sqlite" "two words" { # ERROR PB2112
  path = "x"
}
