package plugintest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// modeEnv is set in the environment of a script that runs this test binary: the
// program under test gets no environment of ours.
const modeEnv = "PATCHBAY_TEST_MODE"

func TestMain(m *testing.M) {
	if mode := os.Getenv(modeEnv); mode != "" {
		act(mode)
		return
	}
	goleak.VerifyTestMain(m)
}

// script writes a script that is a plugin of some kind; scripts are plugins as
// well as binaries are.
func script(t *testing.T, mode string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "patchbay-plugin-fake")
	text := "#!/bin/sh\n" + modeEnv + "=" + mode + " exec " + quoted(exe) + "\n"
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func try(t *testing.T, o Options) *Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	o.Now = time.Now
	seen := 0
	o.Each = func(Check) { seen++ }
	r, err := Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if seen != len(r.Checks) || r.Passed+r.Failed+r.Skipped != seen {
		t.Errorf("checks: got %d told, %d listed, %d+%d+%d counted", seen, len(r.Checks), r.Passed, r.Failed, r.Skipped)
	}
	return r
}

func failures(r *Report) string {
	var b strings.Builder
	for _, c := range r.Checks {
		if c.Result == Failed {
			b.WriteString(c.Subject + " " + c.Name + ": " + strings.Join(c.Findings, "; ") + "\n")
		}
	}
	return b.String()
}

func TestGoodPlugin(t *testing.T) {
	t.Parallel()
	r := try(t, Options{Path: script(t, "ok"), Testdata: "testdata"})
	if r.Failed > 0 || r.Plugin != "fake" {
		t.Errorf("plugin %q: %s", r.Plugin, failures(r))
	}
	names := map[string]bool{}
	for _, c := range r.Checks {
		names[c.Subject+" "+c.Name] = c.Result == Passed
	}
	for _, want := range []string{"protocol mtls", "source lines golden/delivered", "source lines signature/delivered", "sink file fault/killed", "sink file read_back"} {
		if !names[want] {
			t.Errorf("%s: want it to have passed; there are %v", want, names)
		}
	}
}

// A check that was never seen failing proves nothing.
func TestFaultsOfTheProtocol(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ mode, check, want string }{
		{"babble", "handshake", "nothing may be printed before it"},
		{"mute", "handshake", "closed its standard output"},
		{"nocookie", "cookie", "runs on for more than"},
		{"silent", "cookie", "says nothing on standard error"},
		{"newer", "version", `chooses "99"`},
		{"newer", "version", "claims to know it"},
		{"orphan", "host_dies", "runs on for more than"},
		{"public", "handshake", "reached from this machine alone"},
		{"elsewhere", "handshake", "is not in PLUGIN_UNIX_SOCKET_DIR"},
		{"nocert", "handshake", "field 6 of the handshake is empty"},
		{"anybody", "mtls", "a client without a certificate is answered"},
		{"unhealthy", "health", "want SERVING"},
		{"noise", "stdout", "belongs to the handshake"},
		{"immortal", "stop", "runs on for more than"},
		{"empty", "describe", "names no type"},
	} {
		t.Run(c.mode, func(t *testing.T) {
			t.Parallel()
			r := try(t, Options{Path: script(t, c.mode), Testdata: t.TempDir(), Type: "lines", Patience: 300 * time.Millisecond})
			if got := failures(r); !strings.Contains(got, "protocol "+c.check+": ") || !strings.Contains(got, c.want) {
				t.Errorf("got failures:\n%swant one of %q with %q", got, c.check, c.want)
			}
		})
	}
}

// What only a real kill shows: a sink that says done before anything is kept.
func TestKilledSink(t *testing.T) {
	t.Parallel()
	r := try(t, Options{Path: script(t, "buffers"), Testdata: "testdata", Type: "file"})
	if got := failures(r); !strings.Contains(got, "sink file fault/answer_lost: ") || !strings.Contains(got, "is held 0 times") {
		t.Errorf("got failures:\n%swant the lost events found", got)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Path: "nowhere"}, "no such file"},
		{Options{Path: "testdata"}, "is no program"},
		{Options{Path: script(t, "ok"), Testdata: t.TempDir(), Type: "other"}, `serves no type "other"; it serves sink file, source lines`},
		{Options{Path: script(t, "ok"), Type: "file", Config: "nowhere.json"}, "no such file"},
		{Options{Path: script(t, "ok"), Type: "file", Config: "plugintest_test.go"}, "is not JSON"},
	} {
		c.o.Now = time.Now
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := Run(ctx, c.o)
		cancel()
		if !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.o, err, c.want)
		}
	}
}

func TestReadBack(t *testing.T) {
	t.Parallel()
	ids, unordered, err := readBack(t.Context(), `echo unordered; echo 000102030405060708090a0b0c0d0e0f; test -d "$PATCHBAY_TMP"`, t.TempDir())
	if err != nil || len(ids) != 1 || ids[0][15] != 15 || !unordered {
		t.Errorf("got %v, unordered %v, %v", ids, unordered, err)
	}
	for command, want := range map[string]string{"echo no such table >&2; exit 1": "no such table", "echo hello": "no event_id"} {
		if _, _, err := readBack(t.Context(), command, t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", command, err, want)
		}
	}
}
