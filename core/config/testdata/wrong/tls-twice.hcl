receiver {
  tls {
    cert_file = "good.pem"
    key_file  = "good.key"
  }
  tls { # ERROR PB2110
    cert_file = "good.pem"
    key_file  = "good.key"
  }
}
