variable "a" { # WARNING PB2116
  sensitive = true
  default   = "hunter2-in-clear" # WARNING PB2302
}

variable "b" {
  default = secret("env:TWILIO_AUTH_TOKEN") # ERROR PB2303
}

variable "c" {
  sensitive = true
  type      = list(string) # ERROR PB2108
  default   = ["x"] # ERROR PB2108
}
