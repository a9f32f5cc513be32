module "m" {
  source   = "./m"
  for_each = ["eu", "us"]
}

sink "sqlite" "s" { # WARNING PB2116
  path = module.m.ue.path # ERROR PB2105
}
