source "twilio" { # ERROR PB2112
}
