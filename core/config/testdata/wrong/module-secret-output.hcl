module "m" {
  source = "./m"
}

sink "sqlite" "s" { # WARNING PB2116
  path = "x.db"
}
