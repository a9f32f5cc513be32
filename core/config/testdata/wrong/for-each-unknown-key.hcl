sink "sqlite" "many" {
  for_each = ["north", "south"]
  path     = "${each.key}.db"
}

pipeline "p" {
  from = [source.twilio.base]
  to   = [sink.sqlite.many["nrth"], sink.sqlite.many.south] # ERROR PB2105
}
