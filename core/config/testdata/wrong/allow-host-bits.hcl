receiver {
  allow = ["203.0.113.5/24"] # ERROR PB2109
}
