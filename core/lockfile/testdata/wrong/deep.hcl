plugin "a.example/acme" {
  types = [[[[["source.acme"]]]]] # WRONG: nested
}
