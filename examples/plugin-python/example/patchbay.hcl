# Acme calls http://127.0.0.1:8080/hooks/acme_python/main

receiver {
  listen = "127.0.0.1:8080"
}

source "acme_python" "main" {
  signing_secret = secret("env:ACME_SIGNING_SECRET")
}

sink "sqlite" "facts" {
  path = "events.db"
}

pipeline "messaging" {
  from = [source.acme_python.main]

  dedup {
    window = "72h"
  }

  to = [sink.sqlite.facts]
}
