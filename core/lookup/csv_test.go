package lookup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/rs/zerolog"
)

func file(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "t.csv")
	rewrite(t, name, text, 0)
	return name
}

// rewrite changes a file; age sets its time apart from the one before.
func rewrite(t testing.TB, name, text string, age time.Duration) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1_700_000_000, 0).Add(age)
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

func openCSV(t testing.TB, name, key string) (*CSV, error) {
	t.Helper()
	table, err := Open(&config.Lookup{Type: config.LookupCSV, File: name, Key: key, Reload: time.Hour}, Options{Log: zerolog.Nop()})
	if err != nil {
		return nil, err
	}
	return table.(*CSV), nil
}

func TestCSV(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, key, keys, want string }{
		"rows":           {"id,v\na,1\nb,2\n", "id", "a b c", "a,1 b,2 -"},
		"another key":    {"id,v\na,1\nb,2\n", "v", "2 a", "b,2 -"},
		"the first row":  {"id,v\na,1\na,2\n", "id", "a", "a,1"},
		"byte order":     {"\ufeffid,v\na,1\n", "id", "a", "a,1"},
		"quotes":         {"id,v\na,\"1,\n2\"\n", "id", "a", "a,1,\n2"},
		"nothing":        {"id,v\n", "id", "a", "-"},
		"case":           {"id,v\na,1\n", "id", "A", "-"},
		"spaces in head": {" id , v\na,1\n", "id", "a", "a,1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, err := openCSV(t, file(t, c.text), c.key)
			if err != nil {
				t.Fatal(err)
			}
			keys := strings.Fields(c.keys)
			rows := make([]*expr.Row, len(keys))
			if failed, err := table.Find(context.Background(), keys, rows); err != nil || failed != nil {
				t.Errorf("got %v, %v", failed, err)
			}
			var got []string
			for _, r := range rows {
				if r == nil {
					got = append(got, "-")
				} else {
					got = append(got, strings.Join(r.Values, ","))
				}
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
			}
		})
	}
}

func TestCSVRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"empty":        {"", "read header"},
		"no key":       {"a,b\n", `no column is called "id"`},
		"double":       {"id,id\n", `two columns are called "id"`},
		"uneven":       {"id,v\na\n", "wrong number of fields"},
		"broken quote": {"id,v\na,\"x\n", "quote"},
	} {
		if _, err := openCSV(t, file(t, c.text), "id"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if _, err := openCSV(t, filepath.Join(t.TempDir(), "none.csv"), "id"); err == nil {
		t.Error("no file: got no error")
	}
	if _, err := Open(&config.Lookup{Type: "cvs"}, Options{Log: zerolog.Nop()}); err == nil {
		t.Error("an unknown type: got no error")
	}
}

// TestCSVReload: a changed file is read again; a broken or missing one leaves the
// last good version at work.
func TestCSVReload(t *testing.T) {
	t.Parallel()
	name := file(t, "id,v\na,1\n")
	table, err := openCSV(t, name, "id")
	if err != nil {
		t.Fatal(err)
	}
	value := func() string {
		rows := make([]*expr.Row, 1)
		if _, err := table.Find(context.Background(), []string{"a"}, rows); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s of %d", rows[0].Values[1], table.Status().Rows)
	}
	for i, step := range []struct{ text, want string }{
		{"id,v\na,2\nb,3\n", "2 of 2"},
		{"id,v\na\n", "2 of 2"},
		{"other,v\na,5\n", "2 of 2"},
		{"", "2 of 2"},
		{"id,v\na,6\n", "6 of 1"},
	} {
		rewrite(t, name, step.text, time.Duration(i+1)*time.Minute)
		table.Refresh()
		if got := value(); got != step.want {
			t.Errorf("step %d: got %s, want %s", i, got, step.want)
		}
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	table.Refresh()
	if got := value(); got != "6 of 1" {
		t.Errorf("without the file: got %s, want 6 of 1", got)
	}
}

// TestCSVRun: the file is looked at while Run runs.
func TestCSVRun(t *testing.T) {
	t.Parallel()
	name := file(t, "id,v\na,1\n")
	table, err := OpenCSV(name, "id", time.Millisecond, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	done := make(chan struct{})
	go func() { table.Run(ctx); close(done) }()
	rewrite(t, name, "id,v\na,1\nb,2\n", time.Minute)
	for table.Status().Rows != 2 && ctx.Err() == nil {
		rows := make([]*expr.Row, 1)
		_, _ = table.Find(ctx, []string{"a"}, rows)
	}
	if got := table.Status().Rows; got != 2 {
		t.Errorf("rows: got %d, want 2", got)
	}
	cancel()
	<-done
}

func BenchmarkCSVFind(b *testing.B) {
	var text strings.Builder
	text.WriteString("id,v\n")
	keys := make([]string, 512)
	for i := range keys {
		keys[i] = fmt.Sprint("key", i)
		fmt.Fprintf(&text, "%s,%d\n", keys[i], i)
	}
	table, err := openCSV(b, file(b, text.String()), "id")
	if err != nil {
		b.Fatal(err)
	}
	rows := make([]*expr.Row, len(keys))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := table.Find(context.Background(), keys, rows); err != nil {
			b.Fatal(err)
		}
	}
}
