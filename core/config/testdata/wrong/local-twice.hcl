locals {
  a = "x"
}

locals {
  a = "y" # ERROR PB2110
}

sink "sqlite" "s" { # WARNING PB2116
  path = local.a
}
