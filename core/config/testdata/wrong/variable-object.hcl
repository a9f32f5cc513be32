variable "a" {
  type = object({ name = string, size = optional(number, 1) })
  default = { size = 2 } # ERROR PB2108
}

sink "sqlite" "s" { # WARNING PB2116
  path = var.a.name
}
