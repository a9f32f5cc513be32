source "sendgrid" "s" { # WARNING PB2116
  path       = "hooks/../x?y" # ERROR PB2109
  public_key = secret("env:SENDGRID_KEY")
}
