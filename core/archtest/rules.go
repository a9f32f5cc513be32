package archtest

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// direction says what the packages under a folder may import of ours. The
// longest folder that holds a package decides.
type direction struct {
	folder string
	may    []string // folders
	why    string
}

// directions are the arrows of the repository.
func directions() []direction {
	return []direction{
		{"sdk", []string{"sdk"}, "sdk is what plugin authors import; it depends on neither core nor plugins"},
		{"sdk/wire", nil, "sdk/wire is generated from one protobuf file and stands alone"},
		{"plugins", []string{"sdk"}, "a plugin gets no private door: it imports sdk, and packages of its own"},
		{"configs", nil, "configs is data"},
		{"examples", []string{"sdk"}, "an example shows what a third party can do, and has only what it has"},
		{"examples/demo", []string{"core/lab"}, "the demonstration looks at patchbay from outside"},
		{"core", []string{"core", "sdk", "configs"}, "core never imports plugins: it starts them"},
		{"core/config", []string{"core/certificate", "core/diag", "core/expr", "core/release", "sdk"}, "config is pure: it reads a configuration and puts nothing to work"},
		{"core/certificate", nil, "a certificate's files are read and kept without knowing who uses them"},
		{"core/expr", []string{"core/diag", "sdk"}, "expressions know events and nothing of what runs them"},
		{"core/diag", nil, "a diagnostic is text with a place"},
		{"core/format", []string{"core/config", "core/diag"}, "a file is formatted without knowing what it is for"},
		{"core/graph", []string{"core/config"}, "a graph is drawn of a configuration alone"},
		{"core/reference", []string{"core/config", "core/expr", "configs", "sdk"}, "the reference describes the language and uses none of it"},
		{"core/console", []string{"core/config", "core/diag", "core/expr", "core/inspect", "sdk"}, "a console evaluates expressions and reads no journal"},
		{"core/doctor", []string{"core/config", "core/journal"}, "a doctor looks at the machine and starts nothing"},
		{"core/lint", []string{"core/config", "core/diag", "core/expr", "configs", "sdk"}, "lint is pure: it looks at a configuration"},
		{"core/journal", nil, "the journal keeps bytes and does not know what they mean"},
		{"core/stage", []string{"core/stage", "core/config", "core/expr", "core/journal", "sdk"}, "a stage knows the batch in hand and the journal's transaction"},
		{"core/lab", nil, "a lab speaks to patchbay as the outside world does"},
		{"core/cmd/torture", []string{"core/lab", "sdk"}, "the oracle must not share code with what it judges"},
	}
}

// reserved is an import that belongs to some packages alone.
type reserved struct {
	prefix string
	to     []string // folders
	tests  []string // folders whose tests may import it besides; "" means all
	why    string
}

func reservations() []reserved {
	hcl := []string{"core/config", "core/expr", "core/diag", "core/engine", "core/inspect", "core/cmd/bench", "core/format", "core/lint", "core/lockfile", "core/stage/stagetest"}
	return []reserved{
		{"github.com/cockroachdb/pebble/v2/vfs", []string{"core/journal"}, []string{"core"}, "a journal may be opened in memory by a test, and on nothing else but a disk otherwise"},
		{"github.com/cockroachdb/pebble", []string{"core/journal"}, nil, "the store's keys and layout are the journal's alone"},
		{"github.com/hashicorp/hcl", hcl, []string{"core"}, "HCL stays where configurations and conditions are read: " + strings.Join(hcl, ", ")},
		{"github.com/zclconf/go-cty", []string{"core/config", "core/expr", "core/lockfile", "core/cmd/bench"}, []string{"core"}, "cty changes strings; no payload, key or event may pass through it"},
		{"github.com/hashicorp/go-plugin", []string{"sdk", "core/pluginhost"}, nil, "how processes talk is known to the two ends alone"},
		{"github.com/spf13/cobra", []string{"core/cmd"}, nil, "the command line is core/cmd's"},
		{"github.com/segmentio/kafka-go", []string{"plugins/sink/kafka"}, nil, "a destination's library belongs to its plugin"},
		{"github.com/twmb/franz-go", nil, []string{"plugins/sink/kafka", "core/engine"}, "it stands in for a broker in tests"},
		{"zombiezen.com/go/sqlite", []string{"plugins/sink/warehouse/sqlite", "core/lab"}, []string{""}, "a destination's library belongs to its plugin; the lab reads what it wrote"},
		{"sdk/sdktest/suite", []string{"sdk/sdktest", "core/plugintest"}, []string{""}, "the suites are for tests and for the command that runs them"},
		{"github.com/jackc/pgx", []string{"core/lookup"}, nil, "what core asks outside, it asks through a lookup"},
		{"modernc.org/sqlite", []string{"core/lookup"}, nil, "what core asks outside, it asks through a lookup"},
		{"sdk/sdktest", []string{"sdk/sdktest"}, []string{""}, "no program links test code"},
		{"core/stage/stagetest", nil, []string{"core/stage"}, "no program links test code"},
		{"core/cmd", nil, nil, "a command is not a library"},
		{"examples", nil, nil, "an example is not a library"},
		{"testing", []string{"sdk/sdktest", "core/stage/stagetest", "core/cmd/bench"}, []string{""}, "no program links test code"},
	}
}

// within reports whether p is folder or lies in it.
func within(p, folder string) bool {
	return folder == "" || p == folder || strings.HasPrefix(p, folder+"/")
}

func withinAny(p string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return within(p, f) })
}

// imports finds the imports that break a rule.
func imports(files []*file) []string {
	var out []string
	for _, f := range files {
		for _, name := range f.imports {
			for _, why := range []string{against(f, name), reservedFrom(f, name)} {
				if why != "" {
					out = append(out, fmt.Sprintf("%s imports %s: %s", f.path, name, why))
				}
			}
		}
	}
	return out
}

// ours reports whether an import is of this repository.
func ours(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	return slices.Contains([]string{"core", "plugins", "sdk", "configs", "examples"}, top)
}

// against returns why an import of ours points the wrong way, empty if it does
// not.
func against(f *file, name string) string {
	if !ours(name) || name == f.dir() {
		return "" // a package's outer tests import it
	}
	var d *direction
	for _, c := range directions() {
		if within(f.dir(), c.folder) && (d == nil || len(c.folder) > len(d.folder)) {
			d = &c
		}
	}
	switch {
	case d == nil:
		return "there is no rule for this folder; add one"
	case withinAny(name, d.may), sameProgram(f.dir(), name):
		return ""
	case f.isTest() && within(f.dir(), "core") && withinAny(name, []string{"core", "sdk"}):
		return "" // a test may build what its package is given
	case f.isTest() && within(f.dir(), "configs") && within(name, "sdk"):
		return "" // the tables use the words of the sdk, which a test compares
	}
	return d.why
}

// sameProgram reports whether two folders belong to one plugin or example, or
// the import is internal to plugins of its kind.
func sameProgram(dir, name string) bool {
	for _, depth := range []struct {
		top string
		n   int
	}{{"plugins", 3}, {"examples", 2}} {
		if !within(dir, depth.top) || !within(name, depth.top) {
			continue
		}
		root := strings.Join(first(dir, depth.n), "/")
		return within(name, root) || within(name, path.Join(path.Dir(root), "internal"))
	}
	return false
}

func first(dir string, n int) []string {
	parts := strings.Split(dir, "/")
	return parts[:min(n, len(parts))]
}

// reservedFrom returns why a package may not import what belongs to others. The
// first reservation that fits an import counts.
func reservedFrom(f *file, name string) string {
	for _, r := range reservations() {
		if !within(name, r.prefix) && !strings.HasPrefix(name, r.prefix+"/") {
			continue
		}
		if withinAny(f.dir(), r.to) || f.isTest() && (withinAny(f.dir(), r.tests) || name == f.dir()) {
			return ""
		}
		return r.why
	}
	return ""
}
