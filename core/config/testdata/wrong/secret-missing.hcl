source "sendgrid" "s" { # WARNING PB2116
  public_key = secret("env:NOT_SET") # WARNING PB2301
}
