lookup "sql" "a" { # WARNING PB2116
  driver  = "postgres"
  dsn     = "postgres://reader:hunter2@db/x" # WARNING PB2302
  query   = "select tier from accounts where id = $1"
  columns = ["tier"]
}

lookup "sql" "b" { # WARNING PB2116
  driver          = "sqlite"
  file            = "../outside.db" # ERROR PB2119
  query           = "select tier from accounts where id = $1 and x = $2" # ERROR PB2109
  columns         = ["tier"]
  max_connections = 1000 # ERROR PB2114
}
