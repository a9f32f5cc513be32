receiver {
  allow = "203.0.113.0/24" # ERROR PB2108
}
