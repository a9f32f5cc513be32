sink "sqlite" "many" {
  for_each = { "north/west" = "a.db" } # ERROR PB2132
  path     = each.value
}
