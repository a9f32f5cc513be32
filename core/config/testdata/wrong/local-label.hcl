locals "names" { # ERROR PB2112
  a = "x.db"
}

sink "sqlite" "s" { # WARNING PB2116
  path = local.a
}
