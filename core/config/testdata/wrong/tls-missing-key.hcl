receiver {
  tls { # ERROR PB2103
    cert_file = "good.pem"
  }
}
