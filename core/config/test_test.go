package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/sdk"
)

// goodDir is a configuration with one file of tests.
func goodDir(t *testing.T, text string) string {
	return write(t, map[string]string{
		"main.hcl": `
source "twilio" "base" {
  auth_token = secret("env:NOT_SET")
}
sink "sqlite" "base" {
  path = "events.db"
}
lookup "csv" "campaigns" {
  file = "campaigns.csv"
}
pipeline "base" {
  from = [source.twilio.base]
  enrich "campaign" {
    lookup = lookup.csv.campaigns
    key    = event.campaign_id
    set    = { tier = found.tier }
  }
  to = [sink.sqlite.base]
}
`, "campaigns.csv": "id,tier,region\n", "request.http": "POST /x HTTP/1.1\n\n", "a.test.hcl": text,
	})
}

func TestTests(t *testing.T) {
	t.Parallel()
	dir := goodDir(t, `
test "the one pipeline" {
  given   = [file("request.http"), file("${"request"}.http")]
  now     = "2026-01-31T12:00:00+01:00"
  secrets = { auth_token = "12345" }
  lookup "csv" "campaigns" {
    rows = {
      spring  = { tier = "gold", region = null }
      "$${x}" = { tier = 7 }
    }
  }
  expect {
    sink = sink.sqlite.base
    event = {
      event_type      = "delivered"
      status_code     = 30003
      recipient       = null
      event_timestamp = "2026-01-31T12:00:00+01:00"
      attributes      = { "$${x}" = true }
    }
  }
  expect { duplicate = 1 }
  expect {
    dead_letter = "any"
    count       = 2
  }
  expect { refused = "stale" }
  expect { count = 0 }
}
`)
	cfg, diags := Load(dir, fixtureOptions())
	if diags.HasErrors() || len(cfg.Tests) != 1 {
		t.Fatalf("got %d tests and\n%s", len(cfg.Tests), diags.Text(cfg.Files))
	}
	got := cfg.Tests[0]
	if got.Pipeline != cfg.Pipelines[0] || got.Source != cfg.Sources[0] || !got.Authenticate {
		t.Errorf("got %+v, want the only pipeline and its only source, with authentication", got)
	}
	if want := filepath.Join(dir, "request.http"); len(got.Given) != 2 || got.Given[0].Path != want || got.Given[1].Path != want {
		t.Errorf("given: got %+v, want %s twice", got.Given, want)
	}
	if want := time.Date(2026, 1, 31, 11, 0, 0, 0, time.UTC); got.Now != want {
		t.Errorf("now: got %s, want %s", got.Now, want)
	}
	if s := string(got.Secrets["auth_token"]); s != `"12345"` {
		t.Errorf("secrets: got %s", s)
	}
	rows := got.Rows[0].Rows
	if got := fmt.Sprint(rows["spring"], rows["${x}"]); got != "&{map[tier:0] [gold]} &{map[tier:0] [7]}" {
		t.Errorf("rows: got %s", got)
	}
	var kinds string
	for _, x := range got.Expect {
		kinds += fmt.Sprintf("%s %q %d; ", x.Kind, x.Word, x.Count)
	}
	if want := `event "" -1; duplicate "" 1; dead_letter "" 2; refused "stale" -1; event "" 0; `; kinds != want {
		t.Errorf("expect: got %s, want %s", kinds, want)
	}
	fields(t, got.Expect[0].Fields)
}

// fields checks that each field is read from an event as it was written.
func fields(t *testing.T, fs []ExpectField) {
	t.Helper()
	e := &sdk.Event{Type: sdk.Delivered, StatusCode: "30003", Time: time.Date(2026, 1, 31, 11, 0, 0, 0, time.UTC)}
	e.Attributes.Set("${x}", "true")
	var env expr.Env
	env.Reset(e)
	var names string
	for _, f := range fs {
		names += f.Name + " "
		got, ok := f.Get.Eval(&env)
		if ok == f.Null || got != f.Want {
			t.Errorf("%s: got %q, %v; want %q, null %v", f.Name, got, ok, f.Want, f.Null)
		}
	}
	if want := "event_type status_code recipient event_timestamp attributes.${x} "; names != want {
		t.Errorf("fields: got %s, want %s", names, want)
	}
}

// What runs does not look at tests, be they right or wrong.
func TestTestsNotAsked(t *testing.T) {
	t.Parallel()
	dir := goodDir(t, "test {{{")
	opts := fixtureOptions()
	opts.Tests = false
	cfg, diags := Load(dir, opts)
	if diags.HasErrors() || len(cfg.Tests) != 0 || len(cfg.Files) != 1 {
		t.Errorf("got %d tests, %d files and\n%s", len(cfg.Tests), len(cfg.Files), diags.Text(cfg.Files))
	}
}

// A file of tests holds nothing that runs: it would run only where tests do.
func TestTestFileHoldsTests(t *testing.T) {
	t.Parallel()
	dir := goodDir(t, `
sink "sqlite" "other" {
  path = "other.db"
}
`)
	cfg, diags := Load(dir, fixtureOptions())
	if len(diags) != 2 || diags[0].Code != diag.UnknownBlock || len(cfg.Sinks) != 1 {
		t.Errorf("got %d sinks and\n%s", len(cfg.Sinks), diags.Text(cfg.Files))
	}
}

// A test that would have to ask somebody outside is refused, unless it brings
// the rows itself.
func TestTestLookupNeedsRows(t *testing.T) {
	t.Parallel()
	for rows, want := range map[string]bool{"": true, `lookup "other" "crm" { rows = { a = { tier = "gold" } } }`: false} {
		dir := write(t, map[string]string{"request.http": "POST /x HTTP/1.1\n\n", "crm.csv": "id,tier\n", "main.hcl": `
source "twilio" "base" {
  auth_token = secret("env:TWILIO_AUTH_TOKEN")
}
sink "sqlite" "base" {
  path = "events.db"
}
lookup "other" "crm" {
  file = "crm.csv"
}
pipeline "base" {
  from = [source.twilio.base]
  enrich "crm" {
    lookup = lookup.other.crm
    key    = event.recipient
    set    = { tier = "gold" }
  }
  to = [sink.sqlite.base]
}
test "asks" {
  given = file("request.http")
  ` + rows + `
  expect { count = 1 }
}
`})
		cfg, diags := Load(dir, fixtureOptions())
		if got := slices.Contains(codes(diags), diag.LookupNeedsRows); got != want {
			t.Errorf("with %q: got %v, want %v\n%s", rows, got, want, diags.Text(cfg.Files))
		}
	}
}
