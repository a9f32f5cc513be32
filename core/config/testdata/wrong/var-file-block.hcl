variable "region" {
  type = string
}

sink "sqlite" "s" { # WARNING PB2116
  path = var.region
}
