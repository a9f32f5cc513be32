package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// root finds the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("got no go.mod in any folder above, want the repository's")
		}
		dir = up
	}
}

func TestRepository(t *testing.T) {
	t.Parallel()
	files, err := read(os.DirFS(root(t)))
	if err != nil {
		t.Fatal(err)
	}
	// A walk that finds nothing would be happy with everything.
	for _, want := range []string{"sdk/event.go", "core/journal/doc.go", "plugins/source/sms/main.go", "configs/configs.go", "Makefile"} {
		found := false
		for _, f := range files {
			found = found || f.path == want
		}
		if !found {
			t.Errorf("got %d files without %s", len(files), want)
		}
	}
	for name, check := range map[string]func([]*file) []string{
		"imports": imports, "sizes": sizes, "comments": comments, "words": words,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, f := range check(files) {
				t.Error(f)
			}
		})
	}
}

// fake parses one file that does not exist.
func fake(t *testing.T, path, text string) []*file {
	t.Helper()
	f, err := parse(path, text)
	if err != nil {
		t.Fatal(err)
	}
	return []*file{f}
}

func TestImports(t *testing.T) {
	t.Parallel()
	const pebble, hcl = "github.com/cockroachdb/pebble/v2", "github.com/hashicorp/hcl/v2"
	tests := []struct {
		file, imports string
		want          string // part of the reason; empty: it is allowed
	}{
		{"plugins/source/sms/main.go", module + "/sdk", ""},
		{"plugins/source/sms/main.go", module + "/plugins/source/sms/twilio", ""},
		{"plugins/source/sms/twilio/a.go", module + "/plugins/source/internal/jsonscan", ""},
		{"plugins/source/sms/twilio/a.go", module + "/plugins/source/email/sendgrid", "no private door"},
		{"plugins/source/sms/twilio/a.go", module + "/plugins/sink/internal/x", "no private door"},
		{"plugins/source/sms/main.go", module + "/core/journal", "no private door"},
		{"plugins/source/sms/a_test.go", module + "/core/journal", "no private door"},
		{"plugins/source/sms/a_test.go", module + "/sdk/sdktest", ""},
		{"plugins/source/sms/main.go", module + "/sdk/sdktest", "no program links test code"},
		{"core/engine/a.go", module + "/plugins/source/sms/twilio", "core never imports plugins"},
		{"core/engine/a_test.go", module + "/plugins/source/sms/twilio", "core never imports plugins"},
		{"core/engine/a.go", module + "/configs", ""},
		{"core/engine/a.go", module + "/sdk/sdktest", "no program links test code"},
		{"core/engine/a.go", module + "/sdk/sdktest/suite", "the command that runs them"},
		{"core/plugintest/a.go", module + "/sdk/sdktest/suite", ""},
		{"core/plugintest/a.go", module + "/sdk/sdktest", "no program links test code"},
		{"core/engine/a.go", module + "/core/cmd/patchbay", "not a library"},
		{"core/config/a.go", module + "/core/expr", ""},
		{"core/config/a.go", module + "/core/journal", "config is pure"},
		{"core/config/a.go", module + "/core/engine", "config is pure"},
		{"core/config/a.go", module + "/core/certificate", ""},
		{"core/config/a_test.go", module + "/core/catalog", ""},
		{"core/certificate/a.go", module + "/core/receiver", "without knowing who uses them"},
		{"core/journal/a.go", module + "/sdk", "does not know what they mean"},
		{"core/lab/a.go", module + "/core/journal", "outside world"},
		{"core/lab/a_test.go", module + "/core/trigger", ""},
		{"core/lab/a_test.go", module + "/sdk", ""},
		{"core/cmd/torture/a.go", module + "/core/journal", "share code with what it judges"},
		{"sdk/a.go", module + "/core/receiver", "depends on neither"},
		{"sdk/a.go", module + "/plugins/source/sms/twilio", "depends on neither"},
		{"sdk/a.go", module + "/sdk/wire", ""},
		{"sdk/wire/a.go", module + "/sdk", "stands alone"},
		{"configs/a.go", module + "/sdk", "configs is data"},
		{"configs/a_test.go", module + "/sdk", ""},
		{"configs/a_test.go", module + "/core/stage", "configs is data"},
		{"examples/acme/a.go", module + "/sdk", ""},
		{"examples/acme/a.go", module + "/core/lab", "third party"},
		{"examples/demo/a.go", module + "/core/lab", ""},
		{"examples/demo/a.go", module + "/core/journal", "from outside"},
		{"elsewhere/a.go", module + "/sdk", "no rule"},
		{"core/journal/a.go", pebble, ""},
		{"core/engine/a.go", pebble, "the journal's alone"},
		{"core/engine/a_test.go", pebble, "the journal's alone"},
		{"core/engine/a_test.go", pebble + "/vfs", ""},
		{"core/engine/a.go", pebble + "/vfs", "opened in memory by a test"},
		{"core/config/a.go", hcl + "/hclsyntax", ""},
		{"core/pipeline/a.go", hcl, "HCL stays"},
		{"plugins/source/sms/a.go", hcl, "HCL stays"},
		{"core/pipeline/a.go", "github.com/zclconf/go-cty/cty", "cty changes strings"},
		{"core/pipeline/a.go", "github.com/hashicorp/go-plugin", "two ends"},
		{"core/engine/a.go", "github.com/segmentio/kafka-go", "belongs to its plugin"},
		{"core/journal/a.go", "testing", "no program links test code"},
		{"core/journal/a_test.go", "testing", ""},
		{"core/journal/a.go", "os", ""},
	}
	for _, tt := range tests {
		t.Run(tt.file+" "+strings.TrimPrefix(tt.imports, module+"/"), func(t *testing.T) {
			t.Parallel()
			got := strings.Join(imports(fake(t, tt.file, "package a\n\nimport _ \""+tt.imports+"\"\n")), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q in it", got, tt.want)
			}
		})
	}
}

func TestComments(t *testing.T) {
	t.Parallel()
	const good = "// Package a is good.\npackage a\n"
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"one", map[string]string{"a/a.go": good, "a/b.go": "package a\n"}, ""},
		{"none", map[string]string{"a/a.go": "package a\n", "a/b.go": "package a\n"}, "has no comment"},
		{"detached", map[string]string{"a/a.go": "// Package a is far away.\n\npackage a\n"}, "has no comment"},
		{"in a test alone", map[string]string{"a/a.go": "package a\n", "a/a_test.go": good}, "has no comment"},
		{"two", map[string]string{"a/a.go": good, "a/b.go": good}, "keep one"},
		{"of another name", map[string]string{"a/a.go": "// Package b is elsewhere.\npackage a\n"}, "must begin"},
		{"of a program", map[string]string{"a/a.go": "// Command a does it.\npackage main\n"}, ""},
		{"behind a build tag", map[string]string{"a/a.go": good, "a/b.go": "//go:build plan9\n\n" + good}, "keep one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := fstest.MapFS{}
			for path, text := range tt.files {
				root[path] = &fstest.MapFile{Data: []byte(text)}
			}
			files, err := read(root)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(comments(files), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q in it", got, tt.want)
			}
		})
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\n", maxLines+1)
	tests := []struct {
		name, path, text string
		want             int
	}{
		{"long", "a/a.go", "package a" + long, 1},
		{"as long as it may be", "a/a.go", "package a" + long[1:], 0},
		{"a long test", "a/a_test.go", "package a" + long, 1},
		{"generated", "a/a.go", "// Code generated by x. DO NOT EDIT.\n\npackage a" + long, 0},
		{"a table", "a/a.csv", long, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := sizes(fake(t, tt.path, tt.text)); len(got) != tt.want {
				t.Errorf("got %q, want %d findings", got, tt.want)
			}
		})
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want int
	}{
		{"all is done", 0},
		{"TO" + "DO: the rest", 1},
		{"# FIX" + "ME", 1},
		{"a mas" + "TODON", 0},
		{"see /ho" + "me/ann/notes", 1},
		{"path = \"/Use" + "rs/ann\"", 1},
		{"/wo" + "rk/main/core", 1},
		{"https://example.com/ho" + "me/index", 0},
		{"artwo" + "rk/main", 0},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			got := words(fake(t, "a/readme.md", "first line\n"+tt.text+"\n"))
			if len(got) != tt.want {
				t.Errorf("got %q, want %d findings", got, tt.want)
			}
			if len(got) > 0 && !strings.HasPrefix(got[0], "a/readme.md:2: ") {
				t.Errorf("got %q, want it at a/readme.md:2", got[0])
			}
		})
	}
}
