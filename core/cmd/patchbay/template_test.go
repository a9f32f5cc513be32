package main

import (
	"bytes"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/configs"
	"github.com/patchbay-io/patchbay/core/lab"
)

// TestTemplates has the bundled plugins look at each template as init writes it:
// it is in its canonical form, nothing is found in it, not even a warning, and
// its tests pass and leave nothing untested.
func TestTemplates(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds the plugins")
	}
	bin := t.TempDir()
	if _, err := lab.Build(t.Context(), bin); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"TWILIO_AUTH_TOKEN": "0123456789abcdef0123456789abcdef",
		// Public, and the private half was thrown away.
		"SENDGRID_PUBLIC_KEY": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+E9U7wSqvH/1iCuTG3yRz4NTSB3eBaOinhc7xJLY1srOtd4PLaV156UduU3TzcEMmHNpXLY296uSW5k1lO7agA==",
	}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	names := templateNames(nil)
	if len(names) < 3 {
		t.Fatalf("got the templates %q, want at least 3", names)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), name)
			for _, args := range [][]string{
				{"init", name, dir}, {"fmt", "--check", dir}, {"validate", "--strict", "--plugin-dir", bin, dir},
				{"test", "--plugin-dir", bin, dir},
			} {
				var out, problems bytes.Buffer
				a := &app{stdout: &out, stderr: &problems, env: lookup, now: time.Now}
				if code := a.run(t.Context(), args); code != exitOK {
					t.Fatalf("patchbay %q: got exit code %d\n%s%s", args, code, &out, &problems)
				}
				if strings.Contains(out.String(), "not tested") {
					t.Errorf("patchbay %q:\n%s", args, &out)
				}
			}
		})
	}
}

var (
	secretRef = regexp.MustCompile(`secret\("env:([A-Z0-9_]+)"\)`)
	envLine   = regexp.MustCompile(`(?m)^([A-Z0-9_]+)=$`)
)

// TestTemplateSecrets holds .env.example to the secrets of its template.
func TestTemplateSecrets(t *testing.T) {
	t.Parallel()
	find := func(name, file string, p *regexp.Regexp) []string {
		text, err := fs.ReadFile(configs.FS, templateDir+"/"+name+"/"+file)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, m := range p.FindAllSubmatch(text, -1) {
			out = append(out, string(m[1]))
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	for _, name := range templateNames(nil) {
		want, got := find(name, "patchbay.hcl", secretRef), find(name, ".env.example", envLine)
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: .env.example lists %q, the configuration asks for %q", name, got, want)
		}
	}
}
