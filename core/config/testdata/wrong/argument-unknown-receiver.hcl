receiver {
  listn = "127.0.0.1:1" # ERROR PB2102
}
