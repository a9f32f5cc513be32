package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A new plugin keeps the contract and is accepted, with the three commands that
// `plugin new` prints and nothing else, and with Go's module cache alone.
func TestPluginNew(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds programs")
	}
	t.Parallel()
	for _, kind := range []string{"source", "sink"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
			defer cancel()
			work := t.TempDir()
			cmd := patchbay(ctx, t, "plugin", "new", "acme", "--kind", kind, "--replace", checkoutOf(t), "-json")
			cmd.Dir = work
			text, err := cmd.Output()
			var out struct{ Data scaffolded }
			if err != nil || json.Unmarshal(text, &out) != nil || len(out.Data.Next) != 3 {
				t.Fatalf("plugin new: got %v and %s, want three commands", err, text)
			}
			if kind == "source" { // its example has the bundled sink
				out.Data.Next[2] = "(cd " + checkoutOf(t) + " && go build -o " + filepath.Join(work, "patchbay-plugin-acme", "bin", "patchbay-plugin-warehouse") +
					" ./plugins/sink/warehouse) && " + out.Data.Next[2]
			}
			line := exec.CommandContext(ctx, "sh", "-ec", strings.Join(out.Data.Next, "\n"))
			line.Dir = work
			line.WaitDelay = time.Second
			line.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=readonly", "CGO_ENABLED=0", "PATCHBAY_PLUGIN_DIR="+pluginDir(t))
			got, err := line.CombinedOutput()
			for _, want := range []string{"ok  \texample.com/patchbay-plugin-acme", " 0 failed, ", "0 errors, 1 warning in 1 file."} {
				if err != nil || !strings.Contains(string(got), want) {
					t.Fatalf("got %v, want %q in\n%s", err, want, got)
				}
			}
		})
	}
}

func checkoutOf(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
