locals {
  a = join(",", range(1000))
  b = join(local.a, range(1000))
  c = "${local.b}${local.b}" # ERROR PB2211
}

sink "sqlite" "s" { # WARNING PB2116
  path = local.c
}
