sink "sqlite" "s" { # WARNING PB2116
  path = module.m.path # ERROR PB2105
}
