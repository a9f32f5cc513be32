source "sendgrid" "s" { # WARNING PB2116
  public_key = secret("SENDGRID_KEY") # ERROR PB2303
}

source "sendgrid" "t" { # WARNING PB2116
  public_key = secret() # ERROR PB2303
}
