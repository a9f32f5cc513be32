receiver {
  max_body      = "2MiB"
  max_in_flight = "1MiB" # ERROR PB2114
}
