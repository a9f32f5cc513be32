receiver {
  forwarded_header = "Forwarded" # ERROR PB2103
}
