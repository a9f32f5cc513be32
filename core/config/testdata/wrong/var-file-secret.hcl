variable "key" {
  sensitive = true
}

source "sendgrid" "s" { # WARNING PB2116
  public_key = var.key
}
