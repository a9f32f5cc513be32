receiver {
  trusted_proxies = ["10.0.0.0/8", "0.0.0.0/0"] # ERROR PB2114
}
