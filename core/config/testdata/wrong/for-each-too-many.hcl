sink "sqlite" "many" {
  for_each = [for n in range(1001) : "n${n}"] # ERROR PB2132
  path     = "${each.key}.db"
}
