format = 2 # WRONG: no such argument

plugin "a.example/acme" {
  version  = "1.0.3"
  protocol = 1
  types    = "source.acme" # WRONG: no list
  signer   = "acme"        # WRONG: no such argument
  hashes   = { linux_amd64 = "s256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
  more { # WRONG: no such block
  }
}

provider "x" { # WRONG: no such block
}
