receiver {
  tls {
    cert_file = "soon.pem" # WARNING PB2306
    key_file  = "soon.key"
  }
}
