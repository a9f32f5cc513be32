lookup "csv" "c" { # WARNING PB2116
  file = "../campaigns.csv" # ERROR PB2119
}

lookup "csv" "d" { # WARNING PB2116
  file = "/etc/passwd" # ERROR PB2119
}
