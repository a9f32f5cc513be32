sink "sqlite" "many" {
  for_each = ["a", "b", "a"] # ERROR PB2132
  path     = "x.db"
}
