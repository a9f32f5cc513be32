locals {
  a = range(1000)
  b = length([for x in local.a : [for y in range(20) : 1]]) # ERROR PB2211
}

sink "sqlite" "s" { # WARNING PB2116
  path = local.b
}
