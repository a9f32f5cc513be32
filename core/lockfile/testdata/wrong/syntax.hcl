plugin "a.example/acme" {
  version = "1.0.3
  protocol = 1 # WRONG: the quote above was never closed
}
