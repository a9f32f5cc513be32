module "m" {
  source = "./m"
  sinks = [sink.sqlite.base]
}
