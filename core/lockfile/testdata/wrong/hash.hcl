plugin "a.example/acme" {
  version  = "1.0.3"
  protocol = 1
  types    = ["source.acme"]
  hashes = {
    darwin_arm64 = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" # WRONG: another scheme
    linux_amd64  = "s256:ABC"  # WRONG: too short
    linux_arm64  = 7           # WRONG: a number
  }
}
