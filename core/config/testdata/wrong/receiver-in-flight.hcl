receiver { # ERROR PB2114
  max_body      = "2MiB"
  max_in_flight = "1MiB"
}
