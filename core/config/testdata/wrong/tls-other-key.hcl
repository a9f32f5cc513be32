receiver {
  tls {
    cert_file = "good.pem"
    key_file  = "soon.key" # ERROR PB2305
  }
}
