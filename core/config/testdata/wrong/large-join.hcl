locals {
  a = join(",", range(1000))
}

sink "sqlite" "s" { # WARNING PB2116
  path = join(join(local.a, range(1000)), range(1000)) # ERROR PB2211
}
