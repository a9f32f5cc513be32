sink "sqlite" "s" { # WARNING PB2116
  path = try(tonumber("x"), local.nothing) # ERROR PB2105
}
