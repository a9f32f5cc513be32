package plan

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"
)

// types serves a source and a sink with a few arguments.
type types struct{}

func (types) Lookup(kind, name string) (*wire.TypeInfo, bool) {
	schema := &wire.Schema{Attributes: []*wire.Attribute{
		{Name: "token", Type: "string", Sensitive: true}, {Name: "topic", Type: "string"},
		{Name: "brokers", Type: "list(string)"},
		{Name: "tls", Type: "object", Block: &wire.Schema{Attributes: []*wire.Attribute{
			{Name: "ca", Type: "string"}, {Name: "key", Type: "string", Sensitive: true},
		}}},
	}}
	return &wire.TypeInfo{Name: name, Schema: schema}, name != "unknown"
}

func (types) Names(string) []string { return []string{"twilio", "kafka"} }

func load(t testing.TB, text string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	for name, data := range map[string]string{"main.hcl": text, "campaigns.csv": "id,tier\n1,gold\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, diags := config.Load(dir, config.Options{Types: types{}})
	if diags.HasErrors() {
		t.Fatal(diags.Text(cfg.Files))
	}
	cfg.DataDir = "data" // the temporary directory is no part of the case
	for _, l := range cfg.Lookups {
		l.File = filepath.Base(l.File)
	}
	return cfg
}

func options(cfg *config.Config) Options {
	return Options{Key: []byte("key"), Mask: func(s string) string { return inspect.MaskText(cfg.Mask(s)) }}
}

func take(t testing.TB, text string) *Snapshot {
	cfg := load(t, text)
	return Take(cfg, options(cfg))
}

// TestPlans compares the two configurations of each case and the plan with what
// the case says; UPDATE=1 writes it.
func TestPlans(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("cases: got %d, %v, want some", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			part := map[string]string{}
			for _, f := range a.Files {
				part[f.Name] = string(f.Data)
			}
			var queues []Queue
			if q := part["queues"]; q != "" {
				if err := json.Unmarshal([]byte(q), &queues); err != nil {
					t.Fatal(err)
				}
			}
			p := Compare(take(t, part["old"]), take(t, part["new"]), queues)
			var b strings.Builder
			if err := p.WriteText(&b); err != nil {
				t.Fatal(err)
			}
			got := b.String() + p.Summary.String() + "\n"
			if strings.Contains(got, "hush") {
				t.Errorf("the plan shows a secret:\n%s", got)
			}
			if os.Getenv("UPDATE") != "" {
				for i := range a.Files {
					if a.Files[i].Name == "plan" {
						a.Files[i].Data = []byte(got)
					}
				}
				if err := os.WriteFile(file, txtar.Format(a), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := part["plan"]; got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

const base = `
receiver {
  public_url = "https://hooks.example.com"
}
source "twilio" "support" { token = "hush-hush" }
sink "kafka" "stream" {
  topic = "a"
}
lookup "csv" "campaigns" {
  file = "campaigns.csv"
  key  = "id"
}
pipeline "messaging" {
  from = [source.twilio.support]
  dedup { window = "24h" }
  enrich "campaign" {
    lookup = lookup.csv.campaigns
    key    = event.campaign_id
    set    = { account = found.tier }
  }
  filter { when = event.event_type != "queued" }
  to = [sink.kafka.stream]
}
`

// What a plan reaches is what the engine replaces.
func TestTouched(t *testing.T) {
	for _, tc := range []struct {
		name, old, new string
		address        string
		want           Touch
	}{
		{"secret", "hush-hush", "hush-more", "source.twilio.support", Plugin},
		{"topic", `topic = "a"`, `topic = "b"`, "sink.kafka.stream", Plugin},
		{"batch", `topic = "a"`, "topic = \"a\"\n  batch { max_events = 7 }", "sink.kafka.stream", Dispatch},
		{"window", `"24h"`, `"72h"`, "pipeline.messaging", Lanes},
		{"lookup", `key  = "id"`, `key  = "tier"`, "pipeline.messaging", Lanes},
		{"address", "receiver {", "receiver {\n  listen = \"127.0.0.1:1\"", "receiver", Process},
		{"public url", "hooks.example", "other.example", "receiver", Endpoint},
		{"layout", "  filter {", "\n\n  # a remark\n  filter   {", "pipeline.messaging", 0},
	} {
		changed := strings.Replace(base, tc.old, tc.new, 1)
		if changed == base {
			t.Fatalf("%s: the case changes nothing", tc.name)
		}
		p := Compare(take(t, base), take(t, changed), nil)
		if got := p.Touched(tc.address); got != tc.want {
			t.Errorf("%s: %s: got %b, want %b", tc.name, tc.address, got, tc.want)
		}
		if p.Empty() != (tc.want == 0) {
			t.Errorf("%s: empty: got %v, want %v", tc.name, p.Empty(), tc.want == 0)
		}
	}
}

// The id names one change: it is the same for the same two configurations and
// another in every other case.
func TestID(t *testing.T) {
	a, b := take(t, base), take(t, strings.Replace(base, `"24h"`, `"72h"`, 1))
	ids := map[string]bool{Compare(a, a, nil).ID: true, Compare(a, b, nil).ID: true, Compare(b, a, nil).ID: true}
	if len(ids) != 3 {
		t.Errorf("ids: got %v, want three", ids)
	}
	if again := Compare(take(t, base), b, nil).ID; !ids[again] {
		t.Errorf("id of the same change: got %s, want one of %v", again, ids)
	}
}

// Whatever is compared, a plan between equal configurations is empty, and one
// there and back touches the same.
func TestThereAndBack(t *testing.T) {
	pieces := []string{`"24h"`, `topic = "a"`, `"queued"`, "hush-hush", "found.tier", "hooks.example"}
	others := []string{`"48h"`, `topic = "b"`, `"sent"`, "hush-more", "event.sender", "else.example"}
	rapid.Check(t, func(r *rapid.T) {
		text := base
		for i := range pieces {
			if rapid.Bool().Draw(r, pieces[i]) {
				text = strings.Replace(text, pieces[i], others[i], 1)
			}
		}
		old, next := take(t, base), take(t, text)
		there, back := Compare(old, next, nil), Compare(next, old, nil)
		if there.Empty() != (text == base) {
			r.Errorf("empty: got %v for\n%s", there.Empty(), text)
		}
		for _, u := range next.units {
			if x, y := there.Touched(u.address), back.Touched(u.address); x != y {
				r.Errorf("%s: touched there %b, back %b", u.address, x, y)
			}
		}
	})
}

// Pin keeps what cannot change while patchbay runs, and nothing else.
func TestPin(t *testing.T) {
	running, next := load(t, base), load(t, strings.Replace(base, `public_url = "https://hooks.example.com"`,
		"public_url = \"https://other.example\"\n  listen = \"127.0.0.1:7\"", 1))
	next.DataDir = "elsewhere"
	got := Pin(running, next)
	if got.DataDir != "data" || got.Receiver.Listen != running.Receiver.Listen {
		t.Errorf("pinned: got %q and %q, want those that run", got.DataDir, got.Receiver.Listen)
	}
	if got.Receiver.PublicURL != "https://other.example" || next.DataDir != "elsewhere" {
		t.Errorf("public URL: got %q, want the new one; next must not change", got.Receiver.PublicURL)
	}
	p := Compare(Take(got, options(got)), Take(next, options(next)), nil)
	if p.Summary.NeedsRestart != 2 || p.Summary.InPlace != 0 {
		t.Errorf("what is left: got %s, want two that need a restart", p.Summary)
	}
}
