variable "given_number" { # ERROR PB2109
  type = number
}
