locals {
  a = join(",", range(1000))
}

sink "sqlite" "s" { # WARNING PB2116
  path = replace(local.a, "", replace(local.a, "", local.a)) # ERROR PB2211
}
