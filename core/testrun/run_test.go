package testrun

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/rs/zerolog"
)

// updating reports whether golden files are rewritten; sdktest has the flag.
func updating() bool { return flag.Lookup("update").Value.String() == "true" }

const fixture = "testdata/pipeline"

// run runs tests of the fixture.
func run(t *testing.T, o Options) *Report {
	t.Helper()
	cat := installed(t)
	cfg, diags := config.Load(fixture, config.Options{Types: cat, Tests: true})
	if diags.HasErrors() {
		t.Fatalf("the fixture has errors:\n%s", diags.Text(cfg.Files))
	}
	o.Log = zerolog.Nop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	rep, err := Run(ctx, cfg, cat, o)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

var millis = regexp.MustCompile(`\d+ ms|in \d+\.\d s`)

func rendered(t *testing.T, r *Report, verbose bool) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteText(&b, verbose); err != nil {
		t.Fatal(err)
	}
	return millis.ReplaceAllString(b.String(), "TIME")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if updating() {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s\n got:\n%s\nwant:\n%s", file, got, want)
	}
}

// The fixture says by its files which of its tests must pass. All of them run,
// so that what no test exercises is told as well.
func TestRun(t *testing.T) {
	t.Parallel()
	rep := run(t, Options{})
	for _, r := range rep.Tests {
		if want := strings.Contains(r.Where, "passing"); r.Passed != want {
			t.Errorf("%s %q: got passed %v (%s, %+v), want %v", r.Where, r.Name, r.Passed, r.Error, r.Failures, want)
		}
	}
	golden(t, "report.golden", rendered(t, rep, false))
	if _, err := os.Stat(filepath.Join(fixture, "data")); !os.IsNotExist(err) {
		t.Errorf("data directory: got %v, want none", err)
	}
	data, err := json.Marshal(rep)
	if err != nil {
		t.Fatal(err)
	}
	for _, personal := range []string{"447700900123", "447700900124"} { // I14
		if strings.Contains(string(data), personal) {
			t.Errorf("the report shows %s", personal)
		}
	}
}

func TestRunOnlySome(t *testing.T) {
	t.Parallel()
	rep := run(t, Options{Only: regexp.MustCompile("^fields|everything"), Reveal: true})
	golden(t, "some.golden", rendered(t, rep, true))
}

// A plugin that does not answer costs the test its time, and the others theirs
// only.
func TestRunTimeout(t *testing.T) {
	t.Parallel()
	cat := installed(t)
	cfg, _ := config.Load(fixture, config.Options{Types: cat, Tests: true})
	hanging, good := *cfg.Tests[0], cfg.Tests[0]
	hanging.Given = []config.Given{{File: "hang.http", Path: filepath.Join(fixture, "requests", "hang.http")}}
	for _, c := range cfg.Tests {
		if strings.HasPrefix(c.Name, "everything") {
			good = c
		}
	}
	cfg.Tests = []*config.Test{&hanging, good}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// One at a time: the plugin of the first is used again by the second.
	rep, err := Run(ctx, cfg, cat, Options{Timeout: 2 * time.Second, Parallel: 1, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rep.Tests[0].Error, "it did not end within 2s"; got != want {
		t.Errorf("hanging: got %q, want %q", got, want)
	}
	if !rep.Tests[1].Passed {
		t.Errorf("the next: got %+v, want passed", rep.Tests[1])
	}
}

// What a test gives the plugin and what is missing is seen in its
// configuration, and nothing else changes.
func TestConfigure(t *testing.T) {
	t.Parallel()
	cat := installed(t)
	cfg, _ := config.Load(fixture, config.Options{Types: cat})
	s := cfg.Sources[0]
	for _, c := range []struct {
		name, given, want string
		missing           bool
	}{
		{"nothing given", "", `{"region":"eu","secret":""}`, false},
		{"missing", "", `{"region":"eu","secret":"` + stranger + `"}`, true},
		{"given", `"mine"`, `{"region":"eu","secret":"mine"}`, true},
	} {
		s.MissingSecrets = c.missing
		var secrets map[string]json.RawMessage
		if c.given != "" {
			secrets = map[string]json.RawMessage{"secret": json.RawMessage(c.given)}
		}
		got, err := configure(s, secrets)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.name, got, err, c.want)
		}
	}
}
