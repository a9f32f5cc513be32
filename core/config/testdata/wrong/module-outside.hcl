module "m" {
  source = "./../elsewhere" # ERROR PB2133
}
