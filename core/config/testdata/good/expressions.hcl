variable "account" {
  default = "AC1"
}

pipeline "p" {
  from = [source.twilio.base]
  filter { when = event.event_type != "opened" || !event.metadata.machine_open }
  filter { when = contains(["sms", "email"], event.channel) && has(event.recipient) }
  filter { when = coalesce(event.campaign_id, "none") != "test" }
  filter { when = matches(event.sender, "^\\+1") || cidrmatch(event.attributes.ip, ["10.0.0.0/8", "2001:db8::/32"]) }
  filter { when = event.event_timestamp > timeadd(now(), "-24h") }
  filter { when = event.payload.items[0].price > 10 }
  filter { when = event.account == var.account }
  to   = [sink.sqlite.base]
}
