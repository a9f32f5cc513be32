module "m" {
  source = "./m"
}

sink "sqlite" "s" { # WARNING PB2116
  path = module.m.paht # ERROR PB2105
}
