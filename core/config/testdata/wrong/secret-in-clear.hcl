source "sendgrid" "s" { # WARNING PB2116
  public_key = "hunter2-in-clear" # WARNING PB2302
}
