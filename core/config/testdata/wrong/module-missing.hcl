module "m" {
  source = "./nowhere" # ERROR PB2133
}
