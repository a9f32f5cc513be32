source "sendgrid" "s" { # WARNING PB2116 ERROR PB2103
  public_kee = "hunter2-in-clear" # ERROR PB2102
}
