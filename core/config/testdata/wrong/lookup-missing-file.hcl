lookup "csv" "c" { # WARNING PB2116
  file = "nowhere.csv" # ERROR PB2119
}

lookup "csv" "d" { # WARNING PB2116 ERROR PB2103
}
