locals {
  used   = "x.db"
  unused = "y.db" # WARNING PB2116
}

sink "sqlite" "s" { # WARNING PB2116
  path = local.used
}
