locals {
  a = "x.db"
  b { # ERROR PB2101
    c = 1
  }
}

sink "sqlite" "s" { # WARNING PB2116
  path = local.a
}
