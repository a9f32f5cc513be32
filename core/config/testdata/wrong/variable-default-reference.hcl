variable "a" {
  default = local.b # ERROR PB2105
}

locals {
  b = "x.db" # WARNING PB2116
}

sink "sqlite" "s" { # WARNING PB2116
  path = var.a
}
