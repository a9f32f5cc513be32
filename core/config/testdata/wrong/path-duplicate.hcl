source "sendgrid" "s" { # WARNING PB2116
  path       = "/hooks/twilio/base" # ERROR PB2111
  public_key = secret("env:SENDGRID_KEY")
}
