lookup "csv" "c" { # WARNING PB2116
  file = "campaigns.csv"
  key  = "campain" # ERROR PB2105
}
