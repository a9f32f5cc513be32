receiver {
  tls "public" { # ERROR PB2112
    cert_file = "good.pem"
    key_file  = "good.key"
  }
}
