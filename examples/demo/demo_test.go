package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/lab"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The whole demonstration, with real processes. It leaves nothing behind.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and starts real processes for some seconds")
	}
	patchbay, err := lab.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	validateLocal(t, patchbay)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	var out bytes.Buffer
	fits, err := run(t.Context(), &out, patchbay, false)
	if err != nil || !fits {
		t.Fatalf("got %v, %v, want true, no error\n%s", fits, err, &out)
	}
	for _, want := range []string{
		"killed (SIGKILL)", "rows in SQLite", "malformed", "$ patchbay explain SM", "dedup: of twilio.support/", "\nProven: all 1,298 acknowledged",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got no %q in\n%s", want, &out)
		}
	}
	left, err := os.ReadDir(tmp)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("got %v left behind, want nothing", left)
	}
}

// The configuration of `make run` has no mistake, and one warning: its token is
// in the file.
func validateLocal(t *testing.T, patchbay string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), patchbay, "validate", "../local").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "0 errors, 1 warning") {
		t.Errorf("validate examples/local: got %v, want no error and one warning\n%s", err, out)
	}
}

// What the account takes for granted: the requests around the middle, one of
// which each connection may lose, have one event each.
func TestScriptMiddle(t *testing.T) {
	t.Parallel()
	p, err := newProvider("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	calls, err := p.script()
	if err != nil {
		t.Fatal(err)
	}
	const around = 10 * connections
	half := len(calls) / 2
	for n := half - around; n < half+around; n++ {
		if c := calls[n]; len(c.facts) != 1 || c.broken != 0 || c.forged {
			t.Errorf("call %d of %d: got %d events, %d broken, forged %v, want one event", n, len(calls), len(c.facts), c.broken, c.forged)
		}
	}
}

// A row that one party has otherwise is noticed, whichever number it is.
func TestRows(t *testing.T) {
	t.Parallel()
	sent := tally{acknowledged: 10, facts: 14, broken: 1, refused: 2, unanswered: 3}
	const known = 12
	good := lab.Totals{Stored: 12, Refused: 2, Staged: 12, Duplicate: 4, DeadLettered: 1, Delivered: 12}
	tests := []struct {
		name         string
		change       func(*lab.Totals)
		file, listed int64
		want         bool
	}{
		{"fits", func(*lab.Totals) {}, 12, 1, true},
		{"none of the cut-off was stored", func(t *lab.Totals) { t.Stored, t.Duplicate = 10, 2 }, 12, 1, true},
		{"a request lost", func(t *lab.Totals) { t.Stored = 9 }, 12, 1, false},
		{"a request too many", func(t *lab.Totals) { t.Stored = 14 }, 12, 1, false},
		{"a forged one stored", func(t *lab.Totals) { t.Refused = 1 }, 12, 1, false},
		{"a repeat counted", func(t *lab.Totals) { t.Staged, t.Duplicate = 13, 3 }, 12, 1, false},
		{"a repeat missed", func(t *lab.Totals) { t.Duplicate = 3 }, 12, 1, false},
		{"an event not delivered", func(t *lab.Totals) { t.Delivered = 11 }, 12, 1, false},
		{"a row missing", func(*lab.Totals) {}, 11, 1, false},
		{"a row too many", func(*lab.Totals) {}, 13, 1, false},
		{"a dead letter lost", func(t *lab.Totals) { t.DeadLettered = 0 }, 12, 1, false},
		{"a dead letter not listed", func(*lab.Totals) {}, 12, 0, false},
		{"one waits", func(t *lab.Totals) { t.Waiting = 1 }, 12, 1, false},
		{"one refused by the sink", func(t *lab.Totals) { t.SinkDeadLettered = 1 }, 12, 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			totals := good
			tt.change(&totals)
			var out bytes.Buffer
			d := &demo{out: &out}
			if got := d.table(rows(totals, sent, known, tt.file, tt.listed)); got != tt.want {
				t.Errorf("got %v, want %v\n%s", got, tt.want, &out)
			}
			if got := strings.Contains(out.String(), "DOES NOT ADD UP"); got == tt.want {
				t.Errorf("says that it does not add up: got %v, want %v", got, !tt.want)
			}
		})
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := number(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
