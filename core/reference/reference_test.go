package reference

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

var update = flag.Bool("update", false, "rewrite docs/reference.md")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const pageFile = "../../docs/reference.md"

func TestPage(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := WritePage(&b); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(pageFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(pageFile)
	if err != nil || !bytes.Equal(want, b.Bytes()) {
		t.Errorf("docs/reference.md is not what the tables say (%v): write it again with make generate", err)
	}
	if err := WritePage(brokenWriter{}); err == nil {
		t.Error("got no error from a writer that fails")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("full") }

// noTypes knows types without arguments.
type noTypes struct{}

func (noTypes) Lookup(string, string) (*wire.TypeInfo, bool) { return &wire.TypeInfo{}, true }
func (noTypes) Names(string) []string                        { return nil }

var takes = regexp.MustCompile(`(?:It takes|Here stand the blocks) ([a-z0-9_, ]+)\.`)

// asked has the loader say what a block takes, by writing in it what no block
// takes.
func asked(t *testing.T, text, what, file string) []string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if file != "main.hcl" {
		if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte("source \"a\" \"b\" {}\nsink \"a\" \"b\" {}\npipeline \"p\" {\n  from = [source.a.b]\n  to = [sink.a.b]\n}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, diags := config.Load(dir, config.Options{Types: noTypes{}, Tests: file != "main.hcl"})
	for _, d := range diags {
		if strings.Contains(d.Summary, what) && (d.Code == diag.UnknownArgument || d.Code == diag.UnknownBlock) {
			if m := takes.FindStringSubmatch(d.Detail); m != nil && m[1] != "no arguments" {
				return strings.Split(m[1], ", ")
			}
			return nil
		}
	}
	t.Fatalf("the loader said nothing of %q in\n%s\n%v", what, text, diags)
	return nil
}

const nonsense = "zzzzzzzzzzz"

// TestTablesAreTheLoaders holds arguments and blocks to what the loader takes.
func TestTablesAreTheLoaders(t *testing.T) {
	t.Parallel()
	header := strings.NewReplacer("TYPE", "a", "NAME", "b", "LABEL", "c")
	var check func(b Block, before, after, file string)
	check = func(b Block, before, after, file string) {
		t.Run(b.Header, func(t *testing.T) {
			args := []string{}
			for _, a := range b.Args {
				args = append(args, a.Name)
				if !strings.HasSuffix(a.Doc, ".") || a.Type == "" || a.Required && a.Default != "" {
					t.Errorf("got the argument %+v", a)
				}
			}
			open, end := before+header.Replace(b.Header)+" {\n", "\n}\n"+after
			if b.Free {
				return // what the loader knows there it can't be asked for
			}
			same(t, "arguments", args, asked(t, open+nonsense+" = 1"+end, nonsense, file))
			var blocks []string
			for _, n := range b.Blocks {
				blocks = append(blocks, n.Name)
			}
			same(t, "blocks", blocks, asked(t, open+nonsense+" {}"+end, nonsense, file))
			for _, n := range b.Blocks {
				check(n, open, end, file)
			}
		})
	}
	for _, b := range Blocks() {
		file := "main.hcl"
		if b.Name == "test" {
			file = "a.test.hcl"
		}
		check(b, "", "", file)
	}
	var names []string
	for _, b := range Blocks() {
		names = append(names, strings.Fields(b.Header)[0])
	}
	names = slices.Compact(names) // lookups of several types
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(nonsense+" {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, diags := config.Load(dir, config.Options{})
	got := ""
	for _, d := range diags {
		got += d.Detail
	}
	for _, name := range names {
		if name != "test" && !strings.Contains(got, name) {
			t.Errorf("the loader does not know the block %s: %s", name, got)
		}
	}
	if n := strings.Count(got, ","); n+2 < len(names)-1 || n > len(names)+1 {
		t.Errorf("the loader names %d blocks, the table %d: %s", n+1, len(names), got)
	}
}

func same(t *testing.T, what string, table, loader []string) {
	t.Helper()
	table, loader = slices.Sorted(slices.Values(table)), slices.Compact(slices.Sorted(slices.Values(loader)))
	if !slices.Equal(table, loader) {
		t.Errorf("%s: the tables have %q, the loader takes %q: mend blocks.go, then make generate", what, table, loader)
	}
}

func TestFieldsAreTheExpressions(t *testing.T) {
	t.Parallel()
	var got []string
	for _, f := range Fields() {
		if !strings.HasSuffix(f.Doc, ".") {
			t.Errorf("got %+v", f)
		}
		got = append(got, f.Name)
	}
	if want := append(expr.Fields(), "attributes.NAME", "payload.PATH"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	words, err := EventTypes()
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range sdk.EventTypes() {
		if !slices.ContainsFunc(words, func(w Word) bool { return w.Word == typ && w.Doc != "" }) {
			t.Errorf("the dictionary does not say what %s means", typ)
		}
	}
}

func TestTopics(t *testing.T) {
	t.Parallel()
	all := Topics()
	for i, name := range all {
		if slices.Contains(all[:i], name) {
			t.Errorf("%s stands for two things", name)
		}
		_, ok := Find(name)
		if other := name == TopicEvent || name == TopicFunctions; ok == other {
			t.Errorf("Find(%q): got %v", name, ok)
		}
	}
}

func TestType(t *testing.T) {
	t.Parallel()
	info := &wire.TypeInfo{Name: "acme", Summary: "Acme.", Schema: &wire.Schema{Attributes: []*wire.Attribute{
		{Name: "key", Type: "string", Required: true, Sensitive: true, Doc: "The key.", Example: `"k"`},
		{Name: "level", Type: "string", Default: `"a"`, Enum: []string{"a", "b"}, Doc: "The level.", Deprecated: "Use key."},
		{Name: "none", Type: "string", Default: `""`, Doc: "Nothing."},
		{Name: "tls", Type: "object", Doc: "TLS.", Block: &wire.Schema{Attributes: []*wire.Attribute{{Name: "ca", Type: "string", Doc: "CA."}}}},
	}}}
	got := fmt.Sprintf("%+v", Type("source", info))
	const want = `{Name:acme Header:source "acme" "NAME" Doc:Acme. Args:[` +
		`{Name:key Type:string Required:true Default: Doc:The key. A secret: write secret("env:NAME"). Example: "k".} ` +
		`{Name:level Type:string Required:false Default:"a" Doc:The level. One of a, b. Deprecated: Use key.} ` +
		`{Name:none Type:string Required:false Default: Doc:Nothing.}] ` +
		`Blocks:[{Name:tls Header:tls Doc:TLS. Args:[{Name:ca Type:string Required:false Default: Doc:CA.}] Blocks:[] More: Free:false}] ` +
		`More:Besides, every source takes path, public_url, on_auth_failure, max_body, allow, client_certificate, max_rate, for_each: patchbay docs source. Free:false}`
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if got := Type("sink", info).More; !strings.Contains(got, "batch") {
		t.Errorf("got %q", got)
	}
}
