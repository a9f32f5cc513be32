module "m" {
  source = "./" # ERROR PB2133
}
