variable "given_text" { # ERROR PB2134
  type = string
  validation {
    condition     = var.given_text == "abc"
    error_message = "It must be three letters."
  }
}

sink "sqlite" "s" { # WARNING PB2116
  path = var.given_text
}
