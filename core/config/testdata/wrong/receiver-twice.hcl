receiver {}

receiver { # ERROR PB2110
  listen = "127.0.0.1:1"
}
