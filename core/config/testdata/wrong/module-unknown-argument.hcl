module "m" {
  source = "./m"
  regoin = "eu" # ERROR PB2102
}
