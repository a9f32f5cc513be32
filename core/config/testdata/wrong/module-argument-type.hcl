module "m" {
  source = "./m"
  size = ["large"] # ERROR PB2108
}
