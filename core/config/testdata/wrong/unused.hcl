source "sendgrid" "s" { # WARNING PB2116
  public_key = secret("env:SENDGRID_KEY")
}

sink "sqlite" "s" { # WARNING PB2116
  path = "x"
}

lookup "csv" "s" { # WARNING PB2116
  file = "campaigns.csv"
}
