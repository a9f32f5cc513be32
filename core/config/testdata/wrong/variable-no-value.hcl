variable "region" { # ERROR PB2113
  type = string
}
