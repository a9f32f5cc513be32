sink "sqlite" "many" {
  for_each = { for k, s in sink.sqlite.many : k => "x.db" } # ERROR PB2131
  path     = each.value
}
