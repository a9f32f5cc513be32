sink "sqlite" "s" { # WARNING PB2116
  path = jsonencode(sink.sqlite.base) # ERROR PB2108
}
