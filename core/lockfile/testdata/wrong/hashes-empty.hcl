plugin "a.example/acme" {
  version  = "1.0.3"
  protocol = 1
  types    = ["source.acme"]
  hashes   = {} # WRONG: none
}
