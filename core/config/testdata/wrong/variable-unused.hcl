variable "a" { # WARNING PB2116
  default = "x.db"
}
