sink "sqlite" "s" { # WARNING PB2116
  path = regex("(((a{100}){10}){10}b?){10}", "x") # ERROR PB2204
}
