receiver {
  listen         = "localhost" # ERROR PB2109
  public_url     = "hooks.example.com" # ERROR PB2109
  max_body       = "1 megabyte" # ERROR PB2109
  max_in_flight  = -1 # ERROR PB2109
  body_timeout   = "15" # ERROR PB2109
  idle_timeout   = "0s" # ERROR PB2114
  write_timeout  = [1] # ERROR PB2108
  max_connections = 0 # ERROR PB2114
}
