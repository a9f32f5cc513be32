receiver {
  allow = ["203.0.113.0/24", null] # ERROR PB2108
}
