source "sendgrid" "s" { # WARNING PB2116
  public_key = secret("env:SENDGRID_KEY") == "x" ? "a" : "b" # ERROR PB2303
}
