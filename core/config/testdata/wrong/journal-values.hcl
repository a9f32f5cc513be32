journal {
  retain   = "7d" # ERROR PB2109
  max_disk = "1KiB" # ERROR PB2114
  min_free = "0" # ERROR PB2114
}
