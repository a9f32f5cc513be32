plugin "../../acme" { # WRONG: leads out
  version  = "1.0.3"
  protocol = 1
  types    = ["source.acme"]
  hashes   = { linux_amd64 = "s256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
}
