package config

import (
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/patchbay-io/patchbay/sdk/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testTypes are the types that the fixtures use.
type testTypes map[string]*wire.TypeInfo

func (t testTypes) Lookup(kind, name string) (*wire.TypeInfo, bool) {
	info, ok := t[kind+"."+name]
	return info, ok
}

func (t testTypes) Names(kind string) []string {
	if kind == "source" {
		return []string{"sendgrid", "twilio"}
	}
	return []string{"kafka", "sqlite"}
}

func fixtureTypes() testTypes {
	attr := func(name, typ string, set func(*wire.Attribute)) *wire.Attribute {
		a := &wire.Attribute{Name: name, Type: typ, Doc: "The documentation of " + name + "."}
		if set != nil {
			set(a)
		}
		return a
	}
	required := func(a *wire.Attribute) { a.Required = true }
	secret := func(a *wire.Attribute) { a.Required, a.Sensitive = true, true }
	between := func(least, most float64) func(*wire.Attribute) {
		return func(a *wire.Attribute) { a.Min, a.Max = proto.Float64(least), proto.Float64(most) }
	}
	schema := func(attrs ...*wire.Attribute) *wire.Schema { return &wire.Schema{Attributes: attrs} }
	return testTypes{
		"source.twilio": {
			Kind: wire.TypeInfo_KIND_SOURCE, Name: "twilio", Source: &wire.SourceTraits{RetryHorizonMs: 24 * 3600 * 1000},
			Schema: schema(attr("auth_token", "string", secret), attr("edge", "string", nil)),
		},
		"source.sendgrid": {
			Kind: wire.TypeInfo_KIND_SOURCE, Name: "sendgrid", Schema: schema(attr("public_key", "string", secret)),
		},
		"sink.sqlite": {
			Kind: wire.TypeInfo_KIND_SINK, Name: "sqlite", Schema: schema(attr("path", "string", required)),
		},
		"sink.kafka": {
			Kind: wire.TypeInfo_KIND_SINK, Name: "kafka", Schema: schema(
				attr("brokers", "list(string)", required),
				attr("topic", "string", required),
				attr("acks", "string", func(a *wire.Attribute) { a.Enum, a.Default = []string{"all", "one"}, `"all"` }),
				attr("compress", "bool", nil),
				attr("partitions", "int", between(1, 100)),
				attr("ratio", "float", between(0, 1)),
				attr("linger", "duration", between(0, 60)),
				attr("password", "string", func(a *wire.Attribute) { a.Sensitive = true }),
				attr("headers", "map(string)", nil),
				attr("codec", "string", func(a *wire.Attribute) { a.Deprecated = "Use compress." }),
				attr("tls", "object", func(a *wire.Attribute) {
					a.Block = schema(attr("ca_file", "string", nil), attr("insecure", "bool", func(a *wire.Attribute) { a.Default = "false" }))
				}),
				attr("mapping", "list(object)", func(a *wire.Attribute) {
					a.Block = schema(attr("from", "string", required), attr("to", "string", required))
				}),
			),
		},
	}
}

func fixtureEnv(name string) (string, bool) {
	v, ok := map[string]string{
		"TWILIO_AUTH_TOKEN":         "twilio-secret-value",
		"SENDGRID_KEY":              "sendgrid-secret-value",
		"SHORT_KEY":                 "short",
		"PATCHBAY_VAR_given_number": "many",
		"PATCHBAY_VAR_given_text":   "weaker",
	}[name]
	return v, ok
}

// fixtureNow is the fixtures' clock.
var fixtureNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func fixtureOptions() Options {
	return Options{Types: fixtureTypes(), Env: fixtureEnv, Version: "0.1.0", Tests: true, Now: func() time.Time { return fixtureNow }}
}
