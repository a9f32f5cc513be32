variable "region" {
  type = string
  validation {
    condition     = contains(["eu", "us"], var.region)
    error_message = "Write eu or us."
  }
}

sink "sqlite" "s" { # WARNING PB2116
  path = var.region
}
