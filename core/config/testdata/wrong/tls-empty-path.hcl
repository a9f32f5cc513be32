receiver {
  tls {
    cert_file = "" # ERROR PB2109
    key_file  = "good.key"
  }
}
