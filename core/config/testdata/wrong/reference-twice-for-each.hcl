sink "sqlite" "many" {
  for_each = ["a", "b"]
  path     = "${each.key}.db"
}

pipeline "p" {
  from = [source.twilio.base]
  to   = [sink.sqlite.many, sink.sqlite.many["a"]] # ERROR PB2110
}
