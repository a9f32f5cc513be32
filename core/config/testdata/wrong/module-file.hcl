module "m" {
  source = "./campaigns.csv" # ERROR PB2133
}
