receiver {
  max_header_bytes = "2MiB" # ERROR PB2114
}
