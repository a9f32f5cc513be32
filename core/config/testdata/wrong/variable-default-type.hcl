variable "n" {
  type    = number
  default = "many" # ERROR PB2108
}

variable "t" {
  type    = strin # ERROR PB2108
  default = "x"
}
