plugin "a.example/acme" {
  version  = "1.0.3"
  protocol = 1
  types    = ["source.acme"]
  hashes = {
    linux_amd64 = "s256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    linux_amd64 = "s256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" # WRONG: again
    here        = "s256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" # WRONG: no platform
  }
}
