lookup "sql" "crm" {
  driver          = "postgres"
  dsn             = secret("env:SENDGRID_KEY")
  query           = "select tier, region from accounts where id = $1 and tags ? 'live'"
  columns         = ["tier", "region"]
  timeout         = "500ms"
  max_connections = 8
  on_error        = "skip"
  cache {
    ttl          = "1m"
    max_entries  = 500
    negative_ttl = "10s"
  }
}

lookup "sql" "local" {
  driver  = "sqlite"
  file    = "campaigns.csv"
  query   = "select tier from t where id = $1"
  columns = ["tier"]
}

lookup "http" "api" {
  url = "https://crm.example/api/{key}?by={key}"
  headers = {
    Authorization = "Bearer ${secret("env:SENDGRID_KEY")}"
    X-Tenant      = "eu"
  }
  fields    = { tier = "data.tier", city = "addresses[0].city" }
  not_found = [404, 410]
}

pipeline "messaging" {
  from = [source.twilio.base]
  dedup { window = "72h" }
  normalize {}
  set {
    campaign_id = lower(coalesce(event.campaign_id, event.attributes.utm))
    attributes  = { region = "eu" }
  }
  set { account = "main" }
  enrich "a" {
    lookup = lookup.sql.crm
    key    = event.recipient
    set    = { tier = found.tier }
  }
  enrich "b" {
    lookup = lookup.http.api
    key    = event.customer_id
    set    = { city = found.city }
  }
  enrich "c" {
    lookup = lookup.sql.local
    key    = event.customer_id
    set    = { local_tier = found.tier }
  }
  redact {
    drop     = ["source_payload.Body", "source_payload.messages[*].text[0][\"a.b\"]"]
    mask     = ["sender", "attributes.city"]
    tokenize = ["recipient", "customer_id"]
    key      = secret("env:SENDGRID_KEY")
  }
  filter { when = event.channel == "sms" }
  on_failure {
    attempts = 8
    max_age  = "72h"
  }
  to = [sink.sqlite.base]
}
