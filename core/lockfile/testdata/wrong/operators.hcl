plugin "a.example/acme" {
  protocol = 1 == 1 == 1 # WRONG: an operator
}
