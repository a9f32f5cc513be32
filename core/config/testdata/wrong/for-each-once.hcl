sink "kafka" "many" { # WARNING PB2116
  for_each   = { a = 1, b = 200, c = 3 }
  brokers    = ["127.0.0.1:9092"]
  topic      = each.key
  partitions = each.value # ERROR PB2114
}
