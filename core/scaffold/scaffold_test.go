package scaffold

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/mod/modfile"
)

var update = flag.Bool("update", false, "write examples/plugin-go")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const checkout = "../.."

// The example of a plugin in Go is what is written for the name acme.
func TestExample(t *testing.T) {
	t.Parallel()
	files, err := Files("acme", Source)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(checkout, "examples", "plugin-go")
	for name, want := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from what is written for a new plugin (%v); write it with -update. got:\n%s\nwant:\n%s", path, err, got, want)
		}
	}
	if lines := bytes.Count(files["main.go"], []byte("\n")); lines > 60 {
		t.Errorf("main.go of a source: got %d lines, want 60 at most: it must be understood at a glance", lines)
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{Source, Sink} {
		dir := filepath.Join(t.TempDir(), "new")
		_, files, err := Write(Options{Name: "acme_sms", Kind: kind, Dir: dir, Checkout: checkout})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || strings.Contains(string(text), "{{") || strings.Contains(string(text), "<no value>") {
				t.Errorf("%s: %v: a template was not filled in:\n%s", name, err, text)
			}
		}
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := modfile.Parse("go.mod", text, nil)
		if err != nil || m.Module.Mod.Path != "example.com/patchbay-plugin-acme_sms" || len(m.Replace) != 1 || !filepath.IsAbs(m.Replace[0].New.Path) {
			t.Errorf("go.mod: %v:\n%s", err, text)
		}
		if st, err := os.Stat(filepath.Join(dir, "testdata", "read")); kind == Sink && (err != nil || st.Mode()&0o111 == 0) {
			t.Errorf("testdata/read: got %v, %v, want a program", st, err)
		}
		// Nothing of somebody's is written over.
		if _, _, err := Write(Options{Name: "acme_sms", Kind: kind, Dir: dir, Checkout: checkout}); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), "is not empty") {
			t.Errorf("again: got %v", err)
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][3]string{
		"acme": {"Acme", "X-Acme", "ACME"}, "acme_sms2": {"Acme sms2", "X-Acme-Sms2", "ACME_SMS2"}, "a__b": {"A b", "X-A-B", "A__B"},
	} {
		v := newValues(name, Source)
		if got := [3]string{v.Title, v.Header, v.Env}; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	good := Options{Name: "acme", Kind: Source, Checkout: checkout}
	for _, c := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Name = "Acme" }, "is no name for a plugin"},
		{func(o *Options) { o.Name = "../acme" }, "is no name for a plugin"},
		{func(o *Options) { o.Name = "" }, "is no name for a plugin"},
		{func(o *Options) { o.Name = "acme_" }, "is no name for a plugin"},
		{func(o *Options) { o.Name = strings.Repeat("a", 41) }, "is no name for a plugin"},
		{func(o *Options) { o.Kind = "stage" }, "write source or sink"},
		{func(o *Options) { o.Module = "a b" }, "is no path of a Go module"},
		{func(o *Options) { o.Module = "../a" }, "is no path of a Go module"},
		{func(o *Options) { o.Checkout = t.TempDir() }, "is no checkout of patchbay"},
		{func(o *Options) { o.Dir = "scaffold.go" }, "not a directory"},
	} {
		o := good
		o.Dir = filepath.Join(t.TempDir(), "new")
		c.change(&o)
		_, _, err := Write(o)
		if !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", o, err, c.want)
		}
		if _, err := os.Stat(filepath.Join(o.Dir, "main.go")); err == nil {
			t.Errorf("%+v: something was written", o)
		}
	}
}

func TestFindCheckout(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs(checkout)
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "go.mod"), []byte("module example.com/other\n\ngo 1.26\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dirs []string
		want string
	}{
		{[]string{"."}, root}, {[]string{other, "templates/source"}, root}, {[]string{other}, ""}, {nil, ""},
	} {
		if got := FindCheckout(c.dirs...); got != c.want {
			t.Errorf("%q: got %q, want %q", c.dirs, got, c.want)
		}
	}
}

// block is a piece of code in a text.
var block = regexp.MustCompile("(?ms)^```[a-z]+\n(.*?)^```$")

// Every piece of code in the guide for authors is part of a file that a test
// builds or runs. What follows on installing plugins is for those who use them.
func TestGuide(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile(filepath.Join(checkout, "docs", "plugins.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := []string{"patchbay plugin new acme\n", "go build -o bin/patchbay-plugin-acme . && patchbay plugin test bin/patchbay-plugin-acme\n"} // TestPluginNew runs both
	for _, kind := range []string{Source, Sink} {
		files, err := Files("acme", kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range files {
			known = append(known, string(text))
		}
	}
	for _, pattern := range []string{"examples/plugin-python/*", "core/cmd/patchbay/testdata/plugin-*.txtar"} {
		names, err := filepath.Glob(filepath.Join(checkout, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if text, err := os.ReadFile(name); err == nil {
				known = append(known, string(text))
			}
		}
	}
	authors, _, _ := strings.Cut(string(guide), "\n## Installing")
	blocks := block.FindAllStringSubmatch(authors, -1)
	if len(blocks) < 5 {
		t.Errorf("docs/plugins.md: got %d pieces of code, want at least 5", len(blocks))
	}
	for _, b := range blocks {
		found := false
		for _, text := range known {
			found = found || strings.Contains(text, b[1])
		}
		if !found {
			t.Errorf("docs/plugins.md: no test builds or runs this:\n%s", b[1])
		}
	}
}
