module "m" { # ERROR PB2103
  source = "./m"
}
