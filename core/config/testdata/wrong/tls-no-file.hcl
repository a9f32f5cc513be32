receiver {
  tls {
    cert_file = "nowhere.pem" # WARNING PB2305
    key_file  = "good.key"
  }
}
