package graph

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/patchbay-io/patchbay/core/config"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func build(t testing.TB, name string) *Graph {
	t.Helper()
	cfg, diags := config.Load(filepath.Join("testdata", name), config.Options{})
	if diags.HasErrors() {
		t.Fatalf("the fixture has errors:\n%s", diags.Text(cfg.Files))
	}
	return Build(cfg)
}

func writers(g *Graph) map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{
		"txt": g.WriteText, "dot": g.WriteDot, "mmd": g.WriteMermaid, "svg": g.WriteSVG,
		"json": func(w io.Writer) error {
			enc := json.NewEncoder(w)
			enc.SetIndent("", "  ")
			return enc.Encode(g)
		},
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"one", "many", "none"} {
		for ext, write := range writers(build(t, name)) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+"."+ext)
			if *update {
				if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want, b.Bytes()) {
				t.Errorf("%s\n got:\n%s\nwant:\n%s", file, b.Bytes(), want)
			}
		}
	}
}

// TestSVGIsSound reads the drawings as XML: every box lies on the canvas and has
// a title, and a label that could be markup isn't.
func TestSVGIsSound(t *testing.T) {
	t.Parallel()
	g := build(t, "many")
	g.Pipelines[0].Stages[0].Detail = `<script>alert("x")</script> & ` + "\x00\x1b"
	var b bytes.Buffer
	if err := g.WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	dec := xml.NewDecoder(&b)
	titles, boxes := 0, 0
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		start, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "script":
			t.Error("a label became markup")
		case "title":
			titles++
		case "rect":
			boxes++
			for _, a := range start.Attr {
				if strings.HasPrefix(a.Value, "-") {
					t.Errorf("a box lies outside of the canvas: %v", start.Attr)
				}
			}
		}
	}
	if titles < boxes || boxes < 10 {
		t.Errorf("got %d titles for %d boxes", titles, boxes)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestWriteErrors(t *testing.T) {
	t.Parallel()
	for ext, write := range writers(build(t, "one")) {
		if err := write(brokenWriter{}); err == nil {
			t.Errorf("%s: got no error", ext)
		}
	}
}

func TestExcerpt(t *testing.T) {
	t.Parallel()
	src := []byte("when = a &&\n\t b")
	for _, c := range []struct {
		from, to int
		want     string
	}{{7, 15, "a && b"}, {-1, 3, ""}, {3, 2, ""}, {0, 99, ""}} {
		if got := excerpt(src, c.from, c.to); got != c.want {
			t.Errorf("excerpt(%d, %d): got %q, want %q", c.from, c.to, got, c.want)
		}
	}
}
