lookup "http" "crm" {
  url     = "https://crm.example/api/{key}"
  headers = { Authorization = "Bearer ${secret("env:NOT_THERE")}" } # WARNING PB2301
  fields  = { tier = "data.tier" }
}

pipeline "p" {
  from = [source.twilio.base]
  enrich "e" {
    lookup = lookup.http.crm
    key    = event.recipient
    set    = { tier = found.teir } # ERROR PB2105
  }
  to   = [sink.sqlite.base]
}
