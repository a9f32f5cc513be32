package diag

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

var update = flag.Bool("update", false, "rewrite docs/diagnostics.md")

const page = "../../docs/diagnostics.md"

func TestPage(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := WritePage(&b); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(page)
	if err != nil || !bytes.Equal(want, b.Bytes()) {
		t.Errorf("docs/diagnostics.md is not what the table of codes says (%v): write it again with make generate, or go test ./core/diag -update", err)
	}
	if err := WritePage(brokenWriter{}); err == nil {
		t.Error("got no error from a writer that fails")
	}
}

// TestExamples holds examples to the table, and to being HCL where they say
// what is right.
func TestExamples(t *testing.T) {
	t.Parallel()
	for code, x := range examples() {
		if _, ok := Explain(code); !ok {
			t.Errorf("%s has an example and no explanation", code)
		}
		if x.Wrong == x.Right || x.Wrong == "" {
			t.Errorf("%s: got the example %q and %q", code, x.Wrong, x.Right)
		}
		if _, ds := hclsyntax.ParseConfig([]byte(x.Right+"\n"), "right", hcl.InitialPos); ds.HasErrors() {
			t.Errorf("%s: the right example is not HCL: %v", code, ds)
		}
		if _, ds := hclsyntax.ParseConfig([]byte(x.Wrong+"\n"), "wrong", hcl.InitialPos); ds.HasErrors() && code != Syntax && code != InvalidPattern {
			t.Errorf("%s: the wrong example is wrong in another way: %v", code, ds)
		}
	}
}

func TestGroupsAndHeadings(t *testing.T) {
	t.Parallel()
	for _, code := range Codes() {
		if Group(code) == "Others" {
			t.Errorf("%s belongs to no group", code)
		}
		if h := Heading(code); !strings.HasSuffix(h, ".") || len(h) > 400 {
			t.Errorf("%s: got the heading %q", code, h)
		}
	}
	if got := Group("XX0000"); got != "Others" {
		t.Errorf("got %q", got)
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	l := List{{Severity: Note, Code: NotByKey, Summary: "s"}}
	if e, w := l.Count(); e != 0 || w != 0 || l.HasErrors() {
		t.Errorf("got %d errors, %d warnings, want none of a note", e, w)
	}
	if got := l.Text(nil); got != "Note PB2503: s\n" {
		t.Errorf("got %q", got)
	}
}
