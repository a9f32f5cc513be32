package reference

import (
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/sdk/wire"
)

func TestSample(t *testing.T) {
	t.Parallel()
	least := 5.0
	for want, a := range map[string]*wire.Attribute{
		`secret("env:TOKEN")`: {Name: "token", Type: "string", Sensitive: true, Example: "abc"},
		`secret("env:MINE")`:  {Name: "token", Type: "string", Sensitive: true, Example: `secret("env:MINE")`},
		`["a", "b"]`:          {Type: "list(string)", Example: `["a", "b"]`},
		`"events.db"`:         {Type: "string", Example: "events.db"},
		`"one"`:               {Type: "string", Enum: []string{"one", "two"}},
		`"30s"`:               {Type: "duration"},
		`5`:                   {Type: "int", Min: &least},
		`1`:                   {Type: "float"},
		`true`:                {Type: "bool"},
		`["..."]`:             {Type: "list(string)"},
		`{ name = "..." }`:    {Type: "map(string)"},
		`"..."`:               {Type: "string"},
	} {
		if got := sample(a); got != want {
			t.Errorf("%v: got %s, want %s", a, got, want)
		}
	}
}

func TestWriteType(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	err := WriteType(&b, "source", &wire.TypeInfo{
		Name: "acme", Summary: "Acme's webhooks.", Capabilities: []string{"endpoint", "verifier", "fly|swim"},
		Source: &wire.SourceTraits{Channel: "sms", RetryHorizonMs: 4 * 3600 * 1000},
		Schema: &wire.Schema{Attributes: []*wire.Attribute{
			{Name: "token", Type: "string", Required: true, Sensitive: true, Doc: "The token."},
			{Name: "tls", Type: "object", Required: true, Doc: "Encryption.", Block: &wire.Schema{Attributes: []*wire.Attribute{{Name: "ca", Type: "string", Required: true, Doc: "A file."}}}},
			{Name: "limit", Type: "int", Default: "3", Doc: "A limit."},
		}},
	}, "acme")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# Source `acme`\n\nAcme's webhooks.\n\nServed by the plugin `acme`. Its channel is sms. The provider repeats a request for up to 4h. It has answers of its own for the provider. It authenticates requests with code of its own: while it is down, none is taken. It can: fly\\|swim.\n",
		"```hcl\nsource \"acme\" \"main\" {\n  token = secret(\"env:TOKEN\")\n  tls {\n    ca = \"...\"\n  }\n}\n```\n",
		"| `limit` | int | `3` | A limit. |\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("got no %q in\n%s", want, b.String())
		}
	}
	b.Reset()
	if err := WriteType(&b, "sink", &wire.TypeInfo{Name: "x", Sink: &wire.SinkTraits{Idempotency: "keyed"}}, "x"); err != nil || !strings.Contains(b.String(), "no second effect") {
		t.Errorf("got %s, %v", b.String(), err)
	}
}
