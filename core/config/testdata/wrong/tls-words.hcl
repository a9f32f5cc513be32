receiver {
  tls {
    cert_file   = "good.pem"
    key_file    = "good.key"
    min_version = "1.1" # ERROR PB2107
    reload      = "0s" # ERROR PB2114
    cipher      = "any" # ERROR PB2102
  }
}
