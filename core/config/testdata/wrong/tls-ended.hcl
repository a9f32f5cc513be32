receiver {
  tls {
    cert_file = "ended.pem" # WARNING PB2306
    key_file  = "ended.key"
  }
}
