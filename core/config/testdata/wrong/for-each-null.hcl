sink "sqlite" "many" {
  for_each = null # ERROR PB2132
  path     = "x.db"
}
