plugin "a.example/acme" {
  version = upper("1.0.3") # WRONG: nothing is computed here
}
