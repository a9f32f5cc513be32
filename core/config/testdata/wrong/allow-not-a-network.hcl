receiver {
  allow = ["203.0.113.0/24", "hooks.example.com"] # ERROR PB2109
}
