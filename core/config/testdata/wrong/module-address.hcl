module "m" {
  source = "acme/hooks" # ERROR PB2133
}
