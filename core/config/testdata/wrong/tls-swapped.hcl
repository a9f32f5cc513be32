receiver {
  tls {
    cert_file = "good.key" # ERROR PB2305
    key_file  = "good.pem"
  }
}
