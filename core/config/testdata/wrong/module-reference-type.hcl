module "m" {
  source = "./m"
  from = sink.sqlite.base # ERROR PB2108
}
