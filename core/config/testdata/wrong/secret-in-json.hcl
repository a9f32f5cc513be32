source "sendgrid" "s" { # WARNING PB2116
  public_key = jsonencode({ key = secret("env:SENDGRID_KEY") }) # ERROR PB2303
}
