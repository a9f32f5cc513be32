package diag

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func subject(file string, line, from, to int) *hcl.Range {
	return &hcl.Range{Filename: file, Start: hcl.Pos{Line: line, Column: from + 1, Byte: from}, End: hcl.Pos{Line: line, Column: to + 1, Byte: to}}
}

func TestText(t *testing.T) {
	t.Parallel()
	src := "to = [sink.kafak.stream]\n\tx = \"é\" # tail\r\nlast"
	at := func(text string) *hcl.Range {
		i := strings.Index(src, text)
		return subject("a.hcl", 1+strings.Count(src[:i], "\n"), i, i+len(text))
	}
	tests := map[string]struct {
		d    Diagnostic
		want string
	}{
		"all": {
			Diagnostic{Code: UnknownReference, Summary: `unknown sink "kafak.stream"`, Detail: "No such sink.", Subject: at("sink.kafak.stream"),
				Context: `pipeline "p"`, Suggestion: "sink.kafka.stream"},
			"Error PB2105: unknown sink \"kafak.stream\"\n  on a.hcl line 1, in pipeline \"p\":\n   1: to = [sink.kafak.stream]\n" +
				"            ~~~~~~~~~~~~~~~~~\n  No such sink. Did you mean \"sink.kafka.stream\"?\n",
		},
		"suggestion alone": {
			Diagnostic{Severity: Warning, Code: Unused, Summary: "s", Suggestion: "x"},
			"Warning PB2116: s\n  Did you mean \"x\"?\n",
		},
		"context alone": {Diagnostic{Code: Unused, Summary: "s", Context: "receiver"}, "Error PB2116: s\n  in receiver\n"},
		"tab and wide": {
			Diagnostic{Code: Unused, Summary: "s", Subject: at(`"é"`)},
			"Error PB2116: s\n  on a.hcl line 2:\n   2: \tx = \"é\" # tail\n      \t    ~~~\n",
		},
		"empty range": {
			Diagnostic{Code: Unused, Summary: "s", Subject: subject("a.hcl", 3, len(src), len(src))},
			"Error PB2116: s\n  on a.hcl line 3:\n   3: last\n          ~\n",
		},
		"unknown file": {Diagnostic{Code: Unused, Summary: "s", Subject: subject("b.hcl", 9, 1, 2)}, "Error PB2116: s\n  on b.hcl line 9\n"},
		"control characters": {
			Diagnostic{Code: Unused, Summary: "a\x1b[31m\nb\u202e", Detail: "c\x00\td"},
			"Error PB2116: a\uFFFD[31m b\uFFFD\n  c\uFFFD d\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := (List{test.d}).Text(map[string][]byte{"a.hcl": []byte(src)}); got != test.want {
				t.Errorf("got\n%q\nwant\n%q", got, test.want)
			}
		})
	}
}

func TestLongLinesAreCut(t *testing.T) {
	t.Parallel()
	src := []byte(strings.Repeat("x", 1<<20) + "HERE" + strings.Repeat("y", 1<<20))
	got := List{{Code: Unused, Summary: "s", Subject: subject("a", 1, 1<<20, 1<<20+4)}}.Text(map[string][]byte{"a": src})
	if len(got) > 1000 || !strings.Contains(got, "…xx") || !strings.Contains(got, "xHEREy") || !strings.Contains(got, "yy…") {
		t.Errorf("got %d bytes: %.300q", len(got), got)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	l := List{
		{Code: Unused, Severity: Warning, Summary: "w"},
		{Code: Syntax, Summary: "e<\x1b", Detail: "d", Context: "c", Suggestion: "g", Subject: subject("a", 1, 0, 2)},
	}
	var b strings.Builder
	if err := l.WriteJSON(&b, map[string][]byte{"a": []byte("abc")}); err != nil {
		t.Fatal(err)
	}
	want := `{"errors":1,"warnings":1,"diagnostics":[{"severity":"warning","code":"PB2116","summary":"w"},` +
		`{"severity":"error","code":"PB2005","summary":"e<` + "\uFFFD" + `","detail":"d","suggestion":"g","context":"c",` +
		`"range":{"file":"a","start":{"line":1,"column":1,"byte":0},"end":{"line":1,"column":3,"byte":2}},"snippet":"abc"}]}` + "\n"
	if b.String() != want {
		t.Errorf("got  %s\nwant %s", b.String(), want)
	}
	b.Reset()
	if err := (List{}).WriteJSON(&b, nil); err != nil || b.String() != `{"errors":0,"warnings":0,"diagnostics":[]}`+"\n" {
		t.Errorf("got %q, %v", b.String(), err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestWriteErrors(t *testing.T) {
	t.Parallel()
	l := List{{Code: Unused, Summary: "s"}}
	if err := l.WriteText(brokenWriter{}, nil); err == nil {
		t.Error("WriteText: got no error")
	}
	if err := l.WriteJSON(brokenWriter{}, nil); err == nil {
		t.Error("WriteJSON: got no error")
	}
}

func TestSortAndCount(t *testing.T) {
	t.Parallel()
	l := List{
		{Code: "PB2", Summary: "5", Subject: subject("b", 1, 0, 1)}, {Code: "PB2", Summary: "4", Subject: subject("a", 2, 9, 9)},
		{Code: "PB2", Summary: "3", Subject: subject("a", 1, 0, 1)}, {Code: "PB1", Summary: "2", Subject: subject("a", 1, 0, 1)},
		{Code: "PB9", Summary: "1", Severity: Warning},
	}
	l.Sort()
	var got string
	for _, d := range l {
		got += d.Summary
	}
	if e, w := l.Count(); got != "12345" || e != 4 || w != 1 || !l.HasErrors() || l[:1].HasErrors() {
		t.Errorf("got order %s, %d errors, %d warnings", got, e, w)
	}
	if got := l[1].Error() + "|" + l[0].Error(); got != "a:1:1: PB1: 2|PB9: 1" {
		t.Errorf("got %q", got)
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	words := []string{"delivered", "deferred", "sent", "sms", "kafka", "kafkb"}
	for in, want := range map[string]string{
		"deliverd": "delivered", "delivreed": "delivered", "kafak": "kafka", "kafk": "kafka", "snet": "sent", "sent": "", "x": "", "": "",
		"sm": "sms", "smsms": "sms", "ab": "", "nothing": "", strings.Repeat("a", 100): "",
	} {
		if got := Suggest(in, words); got != want {
			t.Errorf("Suggest(%q): got %q, want %q", in, got, want)
		}
	}
	if got := Closest("smsms", words, 1); got != "" {
		t.Errorf("Closest: got %q", got)
	}
}

func TestDistanceProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.StringMatching(`[a-c]{0,8}`).Draw(t, "a")
		b := rapid.StringMatching(`[a-c]{0,8}`).Draw(t, "b")
		if d, e := distance(a, b), distance(b, a); d != e && min(d, e) <= maxDistance {
			t.Fatalf("got %d one way and %d the other", d, e)
		}
		if d := distance(a, b); (d == 0) != (a == b) {
			t.Fatalf("got %d", d)
		}
		if d := distance(a, a+"x"); d != 1 {
			t.Fatalf("got %d for one letter more", d)
		}
	})
}

var codePattern = regexp.MustCompile(`^PB\d{4}$`)

// TestTable keeps constants, table and use in step: every constant has a
// paragraph, every paragraph a constant, every constant a user in core.
func TestTable(t *testing.T) {
	t.Parallel()
	constants := declared(t)
	if len(constants) == 0 {
		t.Fatal("found no constants in codes.go")
	}
	table := Codes()
	for name, code := range constants {
		if text, ok := Explain(code); !ok || len(text) < 60 || !strings.HasSuffix(text, ".") {
			t.Errorf("%s (%s): got the explanation %q", name, code, text)
		}
	}
	for _, code := range table {
		if !codePattern.MatchString(string(code)) {
			t.Errorf("odd code %q", code)
		}
	}
	if len(table) != len(constants) {
		t.Errorf("the table has %d codes, there are %d constants", len(table), len(constants))
	}
	used := uses(t, constants)
	for name := range constants {
		if !slices.Contains(used, name) {
			t.Errorf("nothing in core uses diag.%s", name)
		}
	}
	if _, ok := Explain("PB0000"); ok {
		t.Error("got an explanation of a code that doesn't exist")
	}
}

// declared returns the constants of type Code by name.
func declared(t *testing.T) map[string]Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Code{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		lit, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		s, _ := strconv.Unquote(lit.Value)
		out[spec.Names[0].Name] = Code(s)
		return true
	})
	return out
}

// uses returns the constants that core's packages name, and fails where a code
// is written as text instead.
func uses(t *testing.T, constants map[string]Code) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || filepath.Dir(path) == "../diag" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, data, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if id, ok := n.X.(*ast.Ident); ok && id.Name == "diag" && constants[n.Sel.Name] != "" {
					out = append(out, n.Sel.Name)
				}
			case *ast.BasicLit:
				if s, err := strconv.Unquote(n.Value); err == nil && codePattern.MatchString(s) {
					t.Errorf("%s: write %s as a constant of package diag", path, s)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func FuzzRender(f *testing.F) {
	f.Add("a = 1\n\tb\r\n", 2, 5)
	f.Add("\xff\u202e\x1b", 0, 1)
	f.Add("é", 1, 9)
	f.Fuzz(func(t *testing.T, src string, from, to int) {
		l := List{{Code: Syntax, Summary: src, Detail: src, Context: src, Suggestion: src, Subject: subject("a", 1, from, to)}}
		text := l.Text(map[string][]byte{"a": []byte(src)})
		for _, c := range text {
			if c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c == '\u202e' {
				t.Fatalf("got the control character %U in %q", c, text)
			}
		}
		var b strings.Builder
		if err := l.WriteJSON(&b, map[string][]byte{"a": []byte(src)}); err != nil || !json.Valid([]byte(b.String())) {
			t.Fatalf("got %q, %v", b.String(), err)
		}
	})
}
