receiver {
  tls {
    cert_file = "good.pem"
    key_file  = "open.key" # WARNING PB2304
  }
}
