plugin "a.example/acme" {
  version  = "latest" # WRONG: none
  protocol = 0        # WRONG: from 1 up
  types    = ["source.acme", "source.acme", "table.x", true] # WRONG: three of them
  hashes   = { linux_amd64 = "s256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
}
