source "sendgrid" "many" { # WARNING PB2116
  for_each   = ["a", "b"]
  path       = "/hooks/same" # ERROR PB2111
  public_key = secret("env:SENDGRID_KEY")
}
