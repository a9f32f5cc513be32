variable "a" {
  default = "x.db"
  validation {
    condition     = length(var.a) # ERROR PB2108
    error_message = "Never."
  }
}

sink "sqlite" "s" { # WARNING PB2116
  path = var.a
}
