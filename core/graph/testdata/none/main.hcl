source "twilio" "support" {}
