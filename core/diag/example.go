package diag

// Example shows a mistake and what to write instead, as HCL.
type Example struct{ Wrong, Right string }

// ExampleOf returns the example of a code; not every code needs one.
func ExampleOf(code Code) (Example, bool) {
	x, ok := examples()[code]
	return x, ok
}

func examples() map[Code]Example {
	return map[Code]Example{
		Syntax: {
			"sink \"kafka\" \"stream\" { brokers = [\"a:9092\"] topic = \"events\" }",
			"sink \"kafka\" \"stream\" {\n  brokers = [\"a:9092\"]\n  topic   = \"events\"\n}",
		},
		UnknownField:     {`when = event.status == "failed"`, `when = event.delivery_status == "failed"`},
		UnknownReference: {`to = ["sqlite.facts"]`, `to = [sink.sqlite.facts]`},
		UnknownWord:      {`when = event.event_type == "deliverd"`, `when = event.event_type == "delivered"`},
		InvalidValue:     {`window = "7 days"`, `window = "168h"`},
		WrongLabels:      {`source "twilio" { }`, `source "twilio" "support" { }`},
		NotAssignable:    {`set = { event_type = "delivered" }`, `set = { account_tier = found.tier }`},
		MissingFile:      {`file = "../campaigns.csv"`, `file = "campaigns.csv"`},
		WindowTooShort:   {`dedup { window = "1h" }`, `dedup { window = "168h" }`},
		InvalidPattern:   {`when = matches(event.recipient, "^\d+$")`, `when = matches(event.recipient, "^\\d+$")`},
		AlwaysFalse:      {`when = event.campaign_id != null && null`, `when = event.campaign_id != null`},
		ClearSecret:      {`auth_token = "0123456789abcdef"`, `auth_token = secret("env:TWILIO_AUTH_TOKEN")`},
		SecretMisused:    {`auth_token = lower(secret("env:TOKEN"))`, `auth_token = secret("env:TOKEN")`},
		NoDedup: {
			"pipeline \"messaging\" {\n  from = [source.twilio.support]\n  to   = [sink.sqlite.facts]\n}",
			"pipeline \"messaging\" {\n  from = [source.twilio.support]\n  dedup { window = \"168h\" }\n  to = [sink.sqlite.facts]\n}",
		},
		ReadBeforeSet: {
			"filter { when = event.event_type != \"queued\" }\nnormalize {}",
			"normalize {}\nfilter { when = event.event_type != \"queued\" }",
		},
		WeakDurability: {`synchronous = "normal"`, `synchronous = "full"`},
		OpenReceiver:   {`receiver { listen = ":8080" }`, `receiver { listen = "127.0.0.1:8080" }`},
		OpenAdmin:      {`admin { listen = ":9090" }`, `admin { listen = "127.0.0.1:9090" }`},
		TemporaryData:  {`data_dir = "/tmp/patchbay"`, `data_dir = "/var/lib/patchbay"`},
		PlainURL:       {`public_url = "http://hooks.example.com"`, `public_url = "https://hooks.example.com"`},
		BadIgnore:      {`# patchbay:ignore PB2508`, `# patchbay:ignore PB2508 the firewall lets nobody else in`},
	}
}
