source "sendgrid" "s" { # WARNING PB2116
  public_key = upper(secret("env:SENDGRID_KEY")) # ERROR PB2303
}

source "sendgrid" "t" { # WARNING PB2116
  public_key = lower(secret("env:SENDGRID_KEY")) # ERROR PB2303
}
