sink "sqlite" "many" {
  for_each = [["a"], ["b"]] # ERROR PB2132
  path     = "x.db"
}
