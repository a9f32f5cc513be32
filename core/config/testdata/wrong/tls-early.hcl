receiver {
  tls {
    cert_file = "early.pem" # WARNING PB2306
    key_file  = "early.key"
  }
}
