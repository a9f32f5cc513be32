locals {
  dir = "./m" # WARNING PB2116
}

module "m" {
  source = local.dir # ERROR PB2133
}
