lookup "http" "a" { # WARNING PB2116 ERROR PB2103 ERROR PB2103
}

lookup "http" "b" { # WARNING PB2116
  url    = "https://{key}.example/accounts" # ERROR PB2109
  fields = { tier = "data.tier" }
}

lookup "http" "c" { # WARNING PB2116
  url    = "https://crm.example/accounts" # ERROR PB2109
  fields = { tier = "data[*].tier" } # ERROR PB2109
}

lookup "http" "d" { # WARNING PB2116
  url    = "https://user:hunter2@crm.example/{key}" # ERROR PB2109
  fields = {} # ERROR PB2108
}

lookup "http" "e" { # WARNING PB2116
  url    = "ftp://crm.example/{key}" # ERROR PB2109
  fields = { "a b" = "x", tier = "" } # ERROR PB2109 ERROR PB2109
}
