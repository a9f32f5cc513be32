lookup "sql" "a" { # WARNING PB2116 ERROR PB2103 ERROR PB2103 ERROR PB2103
}

lookup "sql" "b" { # WARNING PB2116 ERROR PB2103
  driver  = "postgres"
  file    = "x.db" # ERROR PB2102
  query   = "select tier from accounts" # ERROR PB2109
  columns = ["tier", "tier", "a b"] # ERROR PB2110 ERROR PB2109
}

lookup "sql" "c" { # WARNING PB2116 ERROR PB2103
  driver   = "sqlite"
  dsn      = "postgres://hunter2@db/x" # ERROR PB2102
  query    = "select tier from accounts where id = ?" # ERROR PB2109
  columns  = [] # ERROR PB2103
  on_error = "retrie" # ERROR PB2107
  cache {
    ttl = "0s" # ERROR PB2114
    max = 3 # ERROR PB2102
  }
  cache { max_entries = 5 } # ERROR PB2110
}
