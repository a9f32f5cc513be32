receiver {
  trusted_proxies  = ["10.0.0.0/8"]
  forwarded_header = "X-Forwarded-Four" # ERROR PB2107
}
