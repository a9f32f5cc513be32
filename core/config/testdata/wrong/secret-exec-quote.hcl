source "sendgrid" "s" { # WARNING PB2116
  public_key = secret("exec:vault 'read x") # WARNING PB2301
}
