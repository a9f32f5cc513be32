package pluginhost

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// program copies this test binary, followed by tail, and returns the copy's
// path and hash.
func program(t *testing.T, tail string) (path, hash string) {
	t.Helper()
	data, err := os.ReadFile(self())
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "patchbay-plugin-fake", append(data, tail...))
}

func write(t *testing.T, name string, data []byte) (path, hash string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return path, hex.EncodeToString(sum[:])
}

func pinned(t *testing.T, path, hash string) Spec {
	t.Helper()
	return Spec{
		Address: "a", Path: path, Pin: NewPin(path, hash), SocketDir: socketDir(t), Log: zerolog.Nop(), Env: []string{modeEnv + "=ok"},
	}
}

// TestPinnedRuns: what is executed is the copy that was hashed, whatever becomes
// of the file.
func TestPinnedRuns(t *testing.T) {
	t.Parallel()
	path, hash := program(t, "")
	spec := pinned(t, path, hash)
	for _, when := range []string{"as installed", "replaced", "removed"} {
		switch when {
		case "replaced":
			if err := os.WriteFile(path+".new", []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		case "removed":
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		out, err := Describe(t.Context(), spec)
		if err != nil || out.Name != "fake" || out.Protocol != 1 {
			t.Fatalf("%s: got %v, %v, want the pinned program's answer", when, out, err)
		}
	}
	if f, err := os.OpenFile(procPath(spec.Pin.copy), os.O_WRONLY, 0); err == nil {
		if _, err := f.WriteAt([]byte("x"), 0); err == nil {
			t.Error("got a copy that can be changed, want it sealed")
		}
		_ = f.Close()
	}
}

// TestTamperedIsNotRun: nothing of a program with other bytes is executed.
func TestTamperedIsNotRun(t *testing.T) {
	t.Parallel()
	marker := filepath.Join(t.TempDir(), "ran")
	script, scriptHash := write(t, "script", []byte("#!/bin/sh\ntouch "+marker+"\n"))
	elf, elfHash := program(t, "x")
	_, other := program(t, "y")
	for name, c := range map[string]struct{ path, hash, want string }{
		"program": {elf, other, elfHash},
		"script":  {script, other, scriptHash},
		"empty":   {emptyFile(t), other, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	} {
		_, err := Describe(t.Context(), pinned(t, c.path, c.hash))
		var bad *Tampered
		if !errors.As(err, &bad) || bad.Got != c.want || bad.Want != other || bad.Path != c.path {
			t.Errorf("%s: got %v, want *Tampered with %s", name, err, c.want)
		}
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("got a run of a tampered script")
	}
	if _, err := Describe(t.Context(), pinned(t, filepath.Join(t.TempDir(), "none"), other)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that the file is not there", err)
	}
}

func emptyFile(t *testing.T) string {
	path, _ := write(t, "empty", nil)
	return path
}

// TestPinnedScript: a script is hashed and then started by its path, which it
// needs to find what lies beside it.
func TestPinnedScript(t *testing.T) {
	t.Parallel()
	path, hash := write(t, "patchbay-plugin-script", []byte("#!/bin/sh\n[ \"$PATCHBAY_PLUGIN_HOME\" = \"$(dirname \"$0\")\" ] || exit 9\nexec "+self()+"\n"))
	spec := pinned(t, path, hash)
	if out, err := Describe(t.Context(), spec); err != nil || out.Name != "fake" {
		t.Fatalf("got %v, %v", out, err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexit 0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var bad *Tampered
	if _, err := Describe(t.Context(), spec); !errors.As(err, &bad) {
		t.Errorf("got %v, want *Tampered at the second start", err)
	}
}

// TestPinWithoutMemory: where memory can't be executed, a file without a name
// takes its place.
func TestPinWithoutMemory(t *testing.T) {
	t.Parallel()
	path, hash := program(t, "z")
	dir := t.TempDir()
	for want, p := range map[string]*Pin{"": NewPin(path, hash), "is not the program": NewPin(path, strings.Repeat("0", 64))} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		c, err := p.unlinked(f, dir)
		_ = f.Close()
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
			t.Errorf("left %v", left)
		}
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(procPath(c))
		cmd.Env = []string{modeEnv + "=crash"}
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "cannot open the license") {
			t.Errorf("got %v, %s", err, out)
		}
		_ = c.Close()
	}
}
