receiver {
  allow = [] # ERROR PB2109
}
