source "twilio" "support" {}

source "sendgrid" "marketing" {
  path = "/sg"
}

source "acme" "spare" {}

lookup "csv" "campaigns" {
  file = "campaigns.csv"
}

sink "sqlite" "facts" {}

sink "kafka" "stream" {}

sink "sheets" "ops" {}

pipeline "messaging" {
  from = [source.twilio.support, source.sendgrid.marketing]

  dedup { window = "168h" }
  normalize {}

  enrich "campaign" {
    lookup = lookup.csv.campaigns
    key    = event.campaign_id
    set    = { account_tier = found.tier, region = found.region }
  }

  filter { when = event.event_type != "queued" }

  route "problems" {
    when = event.delivery_status == "failed" && (event.attributes.account_tier == "gold" ||
    event.channel == "sms")
    to = [sink.kafka.stream, sink.sheets.ops]
  }

  to = [sink.sqlite.facts]
}

pipeline "audit" {
  from = [source.sendgrid.marketing]

  normalize { mapping = "campaigns.csv" }

  to = [sink.kafka.stream]
}
