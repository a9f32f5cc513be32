lookup "cvs" "s" { # ERROR PB2106 WARNING PB2116
  file = "campaigns.csv"
}
