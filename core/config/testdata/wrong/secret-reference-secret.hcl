source "sendgrid" "s" { # WARNING PB2116
  public_key = secret(secret("env:SENDGRID_KEY")) # ERROR PB2303
}
