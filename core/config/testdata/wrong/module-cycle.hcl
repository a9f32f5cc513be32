module "m" {
  source = "./m"
  name = module.m.name # ERROR PB2131
}

sink "sqlite" "s" { # WARNING PB2116
  path = module.m.name
}
