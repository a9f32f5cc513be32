receiver {
  tls {
    cert_file      = "good.pem"
    key_file       = "good.key"
    client_ca_file = "campaigns.csv" # ERROR PB2305
  }
}
