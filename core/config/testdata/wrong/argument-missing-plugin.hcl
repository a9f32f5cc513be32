source "sendgrid" "s" { # ERROR PB2103 WARNING PB2116
}
