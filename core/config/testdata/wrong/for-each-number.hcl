sink "sqlite" "many" {
  for_each = 3 # ERROR PB2132
  path     = "x.db"
}
