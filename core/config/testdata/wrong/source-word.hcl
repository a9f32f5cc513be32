source "sendgrid" "s" { # WARNING PB2116
  public_key      = secret("env:SENDGRID_KEY")
  on_auth_failure = "quarantin" # ERROR PB2107
  max_body        = 10 # ERROR PB2114
}
