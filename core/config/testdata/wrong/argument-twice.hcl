receiver {
  listen = "127.0.0.1:1"
  listen = "127.0.0.1:2" # ERROR PB2110
}
