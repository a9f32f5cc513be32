source "sendgrid" "s" { # WARNING PB2116
  public_key = sha256(secret("env:SENDGRID_KEY")) # ERROR PB2303
}
