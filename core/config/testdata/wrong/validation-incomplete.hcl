variable "a" {
  default = "x.db"
  validation { # ERROR PB2103
    condition = true
  }
}

sink "sqlite" "s" { # WARNING PB2116
  path = var.a
}
