package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/rs/zerolog"
)

// checkedPlugin is the life of a plugin that looks at what its blocks say. It
// leaves a line for each start beside its program.
func checkedPlugin() {
	f, err := os.OpenFile(filepath.Join(os.Getenv("PATCHBAY_PLUGIN_HOME"), "starts"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(f, "started")
	_ = f.Close()
	sdk.Serve("checked", "1.0.0", sdk.SourceType(checkedSource{}), sdk.SinkType(checkedSink{}))
}

type checkedConfig struct {
	Act string `pb:"act" doc:"What to do."`
}

func act(what string) error {
	switch what {
	case "die":
		os.Exit(3)
	case "panic":
		panic("no")
	case "refuse":
		return sdk.Problem("act", "that is refused", "Do something else.")
	}
	return nil
}

type checkedSource struct{}

func (checkedSource) Info() sdk.Info { return sdk.Info{Name: "checked"} }

func (checkedSource) Configure(_ context.Context, c *checkedConfig) (sdk.Auth, error) {
	return sdk.Token{Location: "{header.X-Token}", Values: []string{"a-token-of-the-test"}}, act(c.Act)
}

func (checkedSource) Parse(context.Context, []sdk.Delivery, *sdk.Batch) error { return nil }

type checkedSink struct{}

func (checkedSink) Info() sdk.Info { return sdk.Info{Name: "checked"} }

func (checkedSink) Check(c *checkedConfig) error { return act(c.Act) }

func (checkedSink) Open(context.Context, *checkedConfig) error {
	return errors.New("a check must not open a sink")
}

func (checkedSink) Write(context.Context, []sdk.Event, *sdk.Results) error { return nil }

func (checkedSink) Close(context.Context) error { return nil }

// checkAll runs Check on a source block and a sink block for each act, and
// returns the findings as "line summary: detail" and the number of processes.
func checkAll(t *testing.T, acts []string) (findings []string, starts int) {
	t.Helper()
	dir, plugins := t.TempDir(), t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, filepath.Join(plugins, catalog.Prefix+"checked")); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for i, a := range acts {
		fmt.Fprintf(&text, "source \"checked\" \"s%d\" {\n  act = %q\n}\nsink \"checked\" \"s%d\" {\n  act = %q\n}\n", i, a, i, a)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.hcl"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cat := catalog.Open(ctx, catalog.Options{Dirs: []string{plugins}, Log: zerolog.Nop()})
	log := filepath.Join(plugins, "starts")
	if err := os.Remove(log); err != nil { // it was asked what it serves
		t.Fatal(err)
	}
	cfg, diags := config.Load(dir, config.Options{Types: cat})
	if diags.HasErrors() {
		t.Fatal(diags.Text(cfg.Files))
	}
	e, err := New(cfg, cat, Options{Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	found := e.Check(ctx)
	found.Sort()
	for _, d := range found {
		findings = append(findings, fmt.Sprintf("%d %s: %s", d.Subject.Start.Line, d.Summary, d.Detail))
	}
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return findings, strings.Count(string(data), "\n")
}

// TestCheckOneProcess: all blocks of a plugin are looked at by one process, and
// each finding is at its line.
func TestCheckOneProcess(t *testing.T) {
	t.Parallel()
	acts := slices.Repeat([]string{""}, 40)
	acts[7] = "refuse"
	acts[20] = "panic"
	got, starts := checkAll(t, acts)
	want := []string{"44", "47", "121", "124"}
	for i := range want {
		if len(got) != len(want) || !strings.HasPrefix(got[i], want[i]+" ") {
			t.Fatalf("got %q, want the lines %q", got, want)
		}
	}
	if !strings.Contains(got[0], "that is refused: Do something else.") || !strings.Contains(got[2], "plugin panicked: no") {
		t.Errorf("got %q", got)
	}
	if starts != 1 {
		t.Errorf("got %d processes, want 1", starts)
	}
}

// TestCheckDeath: a plugin that ends over a block is started again for the
// others, a few times; what was not looked at is said (I13).
func TestCheckDeath(t *testing.T) {
	t.Parallel()
	got, starts := checkAll(t, []string{"", "die", "refuse"})
	// Sources are looked at before sinks.
	want := []string{"7 the plugin could not check this block", "10 the plugin could not check this block", "14 that is refused", "17 that is refused"}
	for i := range want {
		if len(got) != len(want) || !strings.HasPrefix(got[i], want[i]) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	if starts != 3 {
		t.Errorf("got %d processes, want 3", starts)
	}
	got, starts = checkAll(t, []string{"die", "die", "die", "refuse"})
	if len(got) != 8 || starts != maxDeaths || !strings.Contains(got[7], fmt.Sprintf("it ended %d times", maxDeaths)) {
		t.Errorf("got %d processes, %q", starts, got)
	}
}
