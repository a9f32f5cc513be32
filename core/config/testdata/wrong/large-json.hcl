locals {
  a = join("[", range(300))
}

sink "sqlite" "s" { # WARNING PB2116
  path = jsondecode(replace(local.a, "/[0-9]/", "")) # ERROR PB2202
}
