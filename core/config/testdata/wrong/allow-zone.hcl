receiver {
  allow = ["fe80::1%eth0"] # ERROR PB2109
}
