source "acme" "brand" {}

sink "sqlite" "facts" {
  path = "events.db"
}

pipeline "messaging" {
  from = [source.acme.brand]
  dedup { window = "168h" }
  normalize {}
  to = [sink.sqlite.facts]
}
