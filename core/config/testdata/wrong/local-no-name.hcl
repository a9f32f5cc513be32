locals {
  a = "x.db" # WARNING PB2116
}

sink "sqlite" "s" { # WARNING PB2116
  path = local # ERROR PB2105
}
