package pluginhost

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func logged(text string, mask func(string) string) (*lines, *stderrLog) {
	l := newLines()
	s := newStderrLog(strings.NewReader(text), &Spec{Address: "a", Log: zerolog.New(l), Mask: mask})
	s.run()
	return l, s
}

// TestLines: text stays text, a plugin's own log keeps level and fields, nothing
// in either can pass for a line of core.
func TestLines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		line  string
		level string
		field string
		want  any
	}{
		"text":                  {"panic: oh no", "info", "stderr", "panic: oh no"},
		"log":                   {`{"level":"warn","message":"m","n":3}`, "warn", "n", 3.0},
		"level of another kind": {`{"level":5,"message":["x"]}`, "info", "message", nil},
		"level that ends":       {`{"level":"fatal","message":"m"}`, "info", "message", "m"},
		"level panic":           {`{"level":"panic","message":"m"}`, "info", "message", "m"},
		"pretends":              {`{"plugin":"other","message":"m"}`, "info", "plugin", "a"},
		"not an object":         {`[1,2]`, "info", "stderr", "[1,2]"},
		"broken":                {`{"level":`, "info", "stderr", `{"level":`},
		"null":                  {`{"level":null,"error":{"a":[null]}}`, "info", "plugin", "a"},
		"bad text":              {"caf\xe9 \x00", "info", "stderr", "caf\uFFFD \x00"},
		"line in a line":        {`a\n{"level":"error"}`, "info", "stderr", `a\n{"level":"error"}`},
	} {
		l, _ := logged(c.line+"\n", nil)
		var got map[string]any
		if err := json.Unmarshal([]byte(l.text()), &got); err != nil {
			t.Errorf("%s: got %q: %v", name, l.text(), err)
			continue
		}
		if got["level"] != c.level || got[c.field] != c.want {
			t.Errorf("%s: got %v, want level %s and %s %v", name, got, c.level, c.field, c.want)
		}
	}
}

// TestLongLine: a line that is too long is cut, and its beginning is what stays.
func TestLongLine(t *testing.T) {
	t.Parallel()
	l, _ := logged(strings.Repeat("a", maxLogLine)+strings.Repeat("b", 5*maxLogLine)+"\nnext\n", nil)
	text := l.text()
	if !strings.Contains(text, strings.Repeat("a", maxLogLine)) || strings.Contains(text, "bb") || !strings.Contains(text, "next") {
		t.Errorf("got %d bytes, with a %d, with b %d", len(text), strings.Count(text, "a"), strings.Count(text, "b"))
	}
}

// TestMask proves I14 for what plugins write, in the log and in errors.
func TestMask(t *testing.T) {
	t.Parallel()
	mask := func(s string) string { return strings.ReplaceAll(s, "s3cr3t", "***") }
	l, s := logged("key is s3cr3t\n{\"message\":\"s3cr3t\",\"a\":{\"b\":\"s3cr3t\"}}\n", mask)
	if strings.Contains(l.text(), "s3cr3t") || strings.Contains(s.tail(), "s3cr3t") {
		t.Errorf("I14: got %s and %s", l.text(), s.tail())
	}
}

// TestRate: after a burst only so many lines a second, by the clock passed in.
func TestRate(t *testing.T) {
	t.Parallel()
	l := newLines()
	n := logLinesBurst + 1000
	s := newStderrLog(strings.NewReader(strings.Repeat("x\n", n)), &Spec{Address: "a", Log: zerolog.New(l)})
	now, calls := time.Unix(0, 0), 0
	s.now = func() time.Time {
		if calls++; calls > 1 {
			now = now.Add(time.Millisecond)
		}
		return now
	}
	s.run()
	// n lines in n milliseconds.
	want := logLinesBurst + n*logLinesRate/1000
	if got := strings.Count(l.text(), "plugin output"); got < want-2 || got > want+2 {
		t.Errorf("lines: got %d, want about %d", got, want)
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte(`{"level":"info","message":"m","time":1,"x":{"y":[1,2,{}]}}`))
	f.Add([]byte("{\"@level\":7}\n\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, _ := logged(string(b), nil)
		for _, line := range strings.Split(strings.TrimSuffix(l.text(), "\n"), "\n") {
			if line != "" && !json.Valid([]byte(line)) {
				t.Errorf("%q became %q", b, line)
			}
		}
	})
}
