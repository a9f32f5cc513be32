plugin "a.example/acme" {
  version = "${x}" # WRONG: nothing is computed here
}
