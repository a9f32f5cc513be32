# Acme calls http://127.0.0.1:8080/hooks/acme/main

receiver {
  listen = "127.0.0.1:8080"
}

source "acme" "main" {
  signing_secret = secret("env:ACME_SIGNING_SECRET")
}

sink "sqlite" "facts" {
  path = "events.db"
}

pipeline "messaging" {
  from = [source.acme.main]

  dedup {
    window = "72h"
  }

  to = [sink.sqlite.facts]
}
