package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/core/lockfile"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// testPlugin is the program that serves the types of plugin_test.go.
const testPlugin = catalog.Prefix + "test"

// leakless fails a run that leaves goroutines behind.
type leakless struct{ *testing.M }

func (m leakless) Run() int {
	code := m.M.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func TestMain(m *testing.M) {
	// As plugins are called once they are installed.
	switch name, _, _ := strings.Cut(filepath.Base(os.Args[0]), "_v"); name {
	case testPlugin:
		if filepath.Base(os.Args[0]) != testPlugin {
			servePlugin()
			return
		}
	case catalog.Prefix + "acme":
		sdk.Serve("acme", "1.0.3", sdk.SourceType(acmeSource{}))
		return
	}
	testscript.Main(leakless{m}, map[string]func(){"patchbay": main, testPlugin: servePlugin})
}

// pluginDir is where TestMain has put the test plugin.
func pluginDir(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath(testPlugin)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(path)
}

func TestScripts(t *testing.T) {
	t.Parallel()
	dir := pluginDir(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv(envPluginDirs, dir)
			e.Setenv("NO_COLOR", "1")
			e.Setenv("PLUGIN", filepath.Join(dir, testPlugin))
			e.Setenv("PROGRAM", filepath.Join("c", ".patchbay", "plugins", "local", "test", "0.0.1", testPlugin+"_v0.0.1_p1_"+lockfile.Platform()))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"seed": seedCommand, "core": coreCommand, "exit": exitCommand, "append": appendCommand},
	})
}

// exitCommand runs patchbay and compares its exit code: exit CODE ARGS...
func exitCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exit CODE ARGS...")
	}
	got := "0"
	if err := ts.Exec("patchbay", args[1:]...); err != nil {
		e, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("patchbay %q: %v", args[1:], err)
		}
		got = fmt.Sprint(e.ExitCode())
	}
	if got != args[0] {
		ts.Fatalf("patchbay %q: got exit code %s, want %s", args[1:], got, args[0])
	}
}

// appendCommand changes a file: append FILE TEXT.
func appendCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: append FILE TEXT")
	}
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteString(args[1])
	ts.Check(errors.Join(err, f.Close()))
}
