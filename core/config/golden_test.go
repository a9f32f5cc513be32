package config

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/patchbay-io/patchbay/core/diag"
)

var update = flag.Bool("update", false, "rewrite golden files")

// fixture makes a directory of the files that all fixtures share and, as
// main.hcl, the fixture itself.
func fixture(t testing.TB, file string) string {
	t.Helper()
	dir := t.TempDir()
	for from, to := range map[string]string{"testdata/base.hcl": "base.hcl", "testdata/campaigns.csv": "campaigns.csv", "testdata/request.http": "request.http", file: "main.hcl"} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("cert_file")) {
			writeCertificates(t, dir)
		}
	}
	more, err := txtar.ParseFile(strings.TrimSuffix(file, ".hcl") + ".txtar")
	if errors.Is(err, fs.ErrNotExist) {
		return dir
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range more.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// fixtureFiles returns what fixture added to the shared files, by name.
func fixtureFiles(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".hcl") {
			return err
		}
		out[path], err = os.ReadFile(filepath.Join(dir, path))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var marker = regexp.MustCompile(`(ERROR|WARNING) (PB\d{4})`)

// markers returns what the comments of a fixture's files say must be found, as
// "file:line severity code".
func markers(files map[string][]byte) []string {
	var out []string
	for name, src := range files {
		for i, line := range strings.Split(string(src), "\n") {
			_, comment, _ := strings.Cut(line, "# ")
			for _, m := range marker.FindAllStringSubmatch(comment, -1) {
				out = append(out, fmt.Sprintf("%s:%d %s %s", name, i+1, strings.ToLower(m[1]), m[2]))
			}
		}
	}
	slices.Sort(out)
	return out
}

func TestWrong(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/wrong/*.hcl")
	if err != nil || len(files) < 45 {
		t.Fatalf("got %d fixtures (%v), want at least 45", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".hcl"), func(t *testing.T) {
			t.Parallel()
			dir := fixture(t, file)
			opts := fixtureOptions()
			if given := filepath.Join(dir, "given.vars.hcl"); exists(given) {
				opts.VarFiles = []string{given}
			}
			cfg, diags := Load(dir, opts)
			if len(diags) == 0 {
				t.Fatal("got no diagnostics, want some")
			}
			text := strings.ReplaceAll(diags.Text(cfg.Files), dir+string(filepath.Separator), "")
			if want := markers(fixtureFiles(t, dir)); len(want) > 0 {
				var got []string
				for _, d := range diags {
					if d.Subject == nil {
						t.Errorf("diagnostic outside of the fixture: %v", d)
						continue
					}
					name, err := filepath.Rel(dir, d.Subject.Filename)
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, fmt.Sprintf("%s:%d %s %s", filepath.ToSlash(name), d.Subject.Start.Line, d.Severity, d.Code))
				}
				slices.Sort(got)
				if !slices.Equal(got, want) {
					t.Errorf("diagnostics\n got %q\nwant %q\n%s", got, want, text)
				}
			}
			for _, s := range []string{"hunter2", "secret-value"} { // I14
				if strings.Contains(text, s) {
					t.Errorf("the diagnostics contain the secret %q:\n%s", s, text)
				}
			}
			golden(t, strings.TrimSuffix(file, ".hcl")+".golden", text)
		})
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(got)) {
		t.Errorf("%s\n got:\n%s\nwant:\n%s", file, got, want)
	}
}

func TestGood(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/good/*.hcl")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d fixtures (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			opts := fixtureOptions()
			opts.RequireSecrets = true
			opts.Vars = map[string]string{"given_brokers": `["a:1", "b:2"]`, "given_text": "stronger"}
			if filepath.Base(file) != "plugin.hcl" {
				opts.Vars = nil
			}
			cfg, diags := Load(fixture(t, file), opts)
			if len(diags) > 0 {
				t.Fatalf("got diagnostics, want none:\n%s", diags.Text(cfg.Files))
			}
			if cfg.Pipelines[len(cfg.Pipelines)-1].To == nil {
				t.Error("got a pipeline without sinks")
			}
		})
	}
}

// TestEveryCodeIsShown keeps each code that configuration can cause in at
// least one fixture or test below.
func TestEveryCodeIsShown(t *testing.T) {
	t.Parallel()
	elsewhere := []diag.Code{
		diag.FileUnreadable, diag.FileTooLarge, diag.TooDeep, diag.BadEncoding, diag.Empty, diag.ExposedSecret,
		diag.ExpressionTooLarge, diag.PluginRejected, diag.LookupNeedsRows,
		diag.PluginMissing, diag.PluginVersion, diag.PluginBroken, diag.PluginSchema, diag.PluginAmbiguous, diag.PluginProtocol,
		diag.PluginOverride, diag.PluginExposed, diag.LockInvalid, diag.LockMissing, diag.LockPlatform, diag.PluginTampered,
	}
	var all strings.Builder
	files, _ := filepath.Glob("testdata/wrong/*.golden")
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	for _, code := range diag.Codes() {
		linted := strings.HasPrefix(string(code), "PB25") // found in what Load accepts
		if !linted && !slices.Contains(elsewhere, code) && !strings.Contains(all.String(), string(code)+":") {
			t.Errorf("no fixture shows %s", code)
		}
	}
}
