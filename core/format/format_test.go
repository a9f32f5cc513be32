package format

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSource(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"empty":              {"", ""},
		"only blanks":        {"\n\n \t\n", ""},
		"last line":          {"a = 1", "a = 1\n"},
		"many at the end":    {"a = 1\n\n\n", "a = 1\n"},
		"blank at the start": {"\n\n# c\na = 1\n", "# c\na = 1\n"},
		"alignment":          {"a=1\nbcd  =   2\n", "a   = 1\nbcd = 2\n"},
		"indentation":        {"a {\n\t\tb = 1\nc {\n}\n}\n", "a {\n  b = 1\n  c {\n  }\n}\n"},
		"carriage returns":   {"a = 1\r\n# c\r\nb = 2\r\n", "a = 1\n# c\nb = 2\n"},
		"spaces at the end":  {"a = 1   \n# c \t\nb {  \n}\t\n", "a = 1\n# c\nb {\n}\n"},
		"runs of blanks":     {"a = 1\n\n\n\nb = 2\n", "a = 1\n\nb = 2\n"},
		"blanks in brackets": {"a {\n\n  b = [\n\n    1,\n\n    2,\n\n  ]\n\n}\n", "a {\n  b = [\n    1,\n\n    2,\n  ]\n}\n"},
		"after a comment":    {"a { # why\n\n  b = 1\n}\n", "a { # why\n  b = 1\n}\n"},
		"comment in block":   {"a {\n  # c\n\n\n  b = 1\n  // d \n\n}\n", "a {\n  # c\n\n  b = 1\n  // d\n}\n"},
		"long comment":       {"/* a  \r\n   b */\na = 1\n", "/* a\n   b */\na = 1\n"},
		"heredoc":            {"a = <<E\n x  \n\n\n y\r\nE\n\n\n\nb = 1\n", "a = <<E\n x  \n\n\n y\r\nE\n\nb = 1\n"},
		"text":               {"a = \"x  y\\t${ b }  \"\n", "a = \"x  y\\t${b}  \"\n"},
		"one line":           {"a \"b\"   { c=1 }\n", "a \"b\" { c = 1 }\n"},
		"expressions":        {"a = b&&! c ||d==[1,2][0]\n", "a = b && !c || d == [1, 2][0]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, diags, err := Source([]byte(c.in), "main.hcl")
			if err != nil || len(diags) > 0 {
				t.Fatalf("got %v, %v", diags, err)
			}
			if string(got) != c.want {
				t.Errorf("\n got %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   string
		code diag.Code
	}{
		"syntax":   {"a = \n", diag.Syntax},
		"encoding": {"a = \"\xff\"\n", diag.BadEncoding},
		"mark":     {"\xef\xbb\xbfa = 1\n", diag.BadEncoding},
		"nesting":  {"a = " + strings.Repeat("[", 1_000_000), diag.TooDeep},
		"size":     {strings.Repeat("#", 4<<20+1), diag.FileTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, diags, err := Source([]byte(c.in), "main.hcl")
			if got != nil || err != nil || len(diags) == 0 || diags[0].Code != c.code {
				t.Errorf("got %d bytes, %v, %v, want %s", len(got), diags, err, c.code)
			}
		})
	}
}

// TestOwnFiles keeps the repository's files in the form that it asks of others.
func TestOwnFiles(t *testing.T) {
	t.Parallel()
	n := 0
	for _, root := range []string{"../../examples", "../../configs"} {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".hcl" {
				return err
			}
			n++
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			got, diags, err := Source(src, path)
			if err != nil || diags.HasErrors() {
				t.Errorf("%s: got %v, %v", path, diags, err)
			} else if !bytes.Equal(got, src) {
				t.Errorf("%s is not formatted: patchbay fmt %s", path, path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n < 2 {
		t.Fatalf("got %d files, want at least those of examples", n)
	}
}

func FuzzSource(f *testing.F) {
	files, err := filepath.Glob("../config/testdata/*/*.hcl")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("a = <<-E\n\t${x}\n  %{ if y }\n z\n%{ endif ~}\n E\n\n\n"))
	f.Add([]byte("a { # c\n\n /* d */ b = 1 /* e\n*/ }\r\n"))
	f.Add([]byte("a = {\n\n\"${\"b\"}\" = [ for x in y : x... ]\n\n}\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		once, diags, err := Source(src, "f")
		if err != nil {
			t.Fatalf("got %v for %q", err, src)
		}
		if diags.HasErrors() {
			return
		}
		before, _ := config.Lex(src, "f")
		after, _ := config.Lex(once, "f")
		if !sameTokens(before, after) {
			t.Fatalf("not the same\nsource %q\n  once %q", src, once)
		}
		twice, diags, err := Source(once, "f")
		if err != nil || diags.HasErrors() || !bytes.Equal(once, twice) {
			t.Fatalf("not stable (%v, %v)\nsource %q\n  once %q\n twice %q", diags, err, src, once, twice)
		}
	})
}

// big is a configuration of about n lines.
func big(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() == 0 || i*10 < n; i++ {
		fmt.Fprintf(&b, "source \"twilio\" \"s%d\" {\nauth_token=secret(\"env:TOKEN_%d\")\n  path   = \"/hooks/%d\"\n}\n\n\npipeline \"p%d\" {\n from = [source.twilio.s%d]\n to=[sink.sqlite.facts] # all\n}\n", i, i, i, i, i)
	}
	return b.Bytes()
}

// BenchmarkSource is for a file that changes, and for one in its form already.
func BenchmarkSource(b *testing.B) {
	src := big(10000)
	form, _, err := Source(src, "big.hcl")
	if err != nil {
		b.Fatal(err)
	}
	for name, src := range map[string][]byte{"changes": src, "formatted": form} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				if _, diags, err := Source(src, "big.hcl"); err != nil || diags.HasErrors() {
					b.Fatal(diags, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(time.Millisecond)/float64(b.N), "fmt_ms")
		})
	}
}

// TestPieces formats many files as one: that is done in pieces, and must give
// what the files give by themselves.
func TestPieces(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../config/testdata/*/*.hcl")
	if err != nil {
		t.Fatal(err)
	}
	var srcs, outs [][]byte
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		twice := slices.Concat(src, []byte("\n"), src)
		if bytes.Contains(src, []byte("\r")) || config.CheckSyntax(twice, file).HasErrors() {
			continue // it doesn't stand beside itself: arguments outside of blocks
		}
		out, diags, err := Source(src, file)
		if err != nil || diags.HasErrors() || len(out) == 0 {
			t.Fatalf("%s: got %v, %v", file, diags, err)
		}
		srcs, outs = append(srcs, src), append(outs, out)
	}
	n := len(srcs)
	all := bytes.Join(slices.Repeat(srcs, 5), []byte("\n\n\n"))
	want := bytes.Join(slices.Repeat(outs, 5), []byte("\n"))
	got, diags, err := Source(all, "all")
	if err != nil || diags.HasErrors() {
		t.Fatalf("got %v, %v", diags, err)
	}
	if n < 50 || len(all) < 2*pieceSize || !bytes.Equal(got, want) {
		t.Errorf("%d files of %d bytes as one are formatted differently\n got %d bytes\nwant %d", n, len(all), len(got), len(want))
	}
}

// TestPiecesTogether: blocks without a blank line between them are formatted in
// pieces too, and stay together.
func TestPiecesTogether(t *testing.T) {
	t.Parallel()
	const block = "sink \"sqlite\" \"a\" {\npath=\"x\"\n   batch { max_events = 1 }\n}\n"
	const want = "sink \"sqlite\" \"a\" {\n  path = \"x\"\n  batch { max_events = 1 }\n}\n"
	n := 3 * pieceSize / len(block)
	got, diags, err := Source([]byte(strings.Repeat(block, n)), "f")
	if err != nil || diags.HasErrors() {
		t.Fatalf("got %v, %v", diags, err)
	}
	if string(got) != strings.Repeat(want, n) {
		t.Errorf("%d blocks: got %d bytes, want %d; they begin with\n%.300s", n, len(got), n*len(want), got)
	}
}
