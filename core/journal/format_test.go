package journal

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

var update = flag.Bool("update", false, "write the stored fixtures again")

const fixtureDir = "testdata/format-1"

// writeFixture makes a store with one of everything.
func writeFixture(t *testing.T, dir string) {
	t.Helper()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	j := open(t, Options{Dir: dir, Now: func() time.Time { return at }})
	raw, out := mustLog(t, j, Raw, "twilio.support"), mustLog(t, j, StagedIn, "p")
	for i := range 3 {
		if _, err := raw.Append(fmt.Appendf(nil, "request %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	tx := j.Begin()
	tx.Append(out, []Entry{{Meta: []byte("m0"), Body: []byte("e0")}, {Meta: []byte("m1"), Body: []byte("e1")}}, []byte("summary"))
	tx.Mark(out.Number(), 7, Hash{1, 2, 3}, []byte("seen"))
	tx.DeadLetter(&DeadLetter{State: DeadOpen, Pipeline: "p", Source: "twilio.support", Code: "malformed", RawOffset: 2, FirstAt: at, LastAt: at})
	tx.Count(fixtureRow, 2)
	tx.SetCursor("lane/p/twilio.support", Cursor{Offset: 3, Extra: []byte("extra")})
	tx.Batch("sink/p/kafka.stream", 0, []byte("batch"))
	if err := tx.Commit(Durable); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

var fixtureRow = Row{Scope: ScopePipeline, Name: "p", Source: "twilio.support", Day: 20513, Channel: 1, Type: 4, Outcome: Staged}

// TestFormat1 proves I16: what version 1 wrote is read, whatever the code becomes.
func TestFormat1(t *testing.T) {
	t.Parallel()
	if *update {
		if err := os.RemoveAll(fixtureDir); err != nil {
			t.Fatal(err)
		}
		writeFixture(t, fixtureDir)
	}
	dir := filepath.Join(t.TempDir(), "journal")
	if err := os.CopyFS(dir, os.DirFS(fixtureDir)); err != nil {
		t.Fatal(err)
	}
	for _, readOnly := range []bool{true, false} {
		j := open(t, Options{Dir: dir, ReadOnly: readOnly})
		checkFixture(t, j)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func checkFixture(t *testing.T, j *Journal) {
	t.Helper()
	raw, out := mustLog(t, j, Raw, "twilio.support"), mustLog(t, j, StagedIn, "p")
	es, err := raw.Read(0, 10, 1<<20)
	if err != nil || len(es) != 3 || string(es[2].Body) != "request 2" {
		t.Errorf("raw log: got %v, %v", es, err)
	}
	es, err = out.Read(0, 10, 1<<20)
	if err != nil || len(es) != 2 || string(es[1].Meta)+string(es[1].Body) != "m1e1" {
		t.Errorf("staged log: got %v, %v", es, err)
	}
	_ = out.Summaries(func(_ uint64, s []byte) bool {
		if string(s) != "summary" {
			t.Errorf("summary: got %q", s)
		}
		return true
	})
	marked := 0
	err = j.Marks(out.Number(), []Ask{{7, Hash{1, 2, 3}}, {7, Hash{1, 2, 4}}}, func(int, []byte) { marked++ })
	if err != nil || marked != 1 {
		t.Errorf("marks: got %d, %v, want 1", marked, err)
	}
	if d, err := j.DeadLetter(1); err != nil || d.Code != "malformed" || d.RawOffset != 2 {
		t.Errorf("dead letter: got %+v, %v", d, err)
	}
	if n := ledgerCount(j, fixtureRow); n != 2 {
		t.Errorf("ledger: got %d, want 2", n)
	}
	if c := j.Cursor("lane/p/twilio.support"); c.Offset != 3 || string(c.Extra) != "extra" {
		t.Errorf("cursor: got %+v", c)
	}
	batches := 0
	err = j.Batches("sink/p/kafka.stream", 5, func(first uint64, v []byte) bool { batches++; return true })
	if err != nil || batches != 1 {
		t.Errorf("batches: got %d, %v, want 1", batches, err)
	}
}

// dirState is every file with its bytes and its time of change.
func dirState(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = fmt.Sprint(info.ModTime().UnixNano(), string(b))
	}
	return out
}

// TestNewerFormat proves I16: a newer store is refused without writing a byte.
func TestNewerFormat(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "journal")
	if err := os.CopyFS(dir, os.DirFS(fixtureDir)); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]error{
		fmt.Sprintf("patchbay journal %d\n", FormatVersion+1): ErrNewer,
		"garbage": ErrCorrupt,
		"":        ErrCorrupt,
	} {
		if err := os.WriteFile(filepath.Join(dir, versionFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		before := dirState(t, dir)
		for _, readOnly := range []bool{false, true} {
			if j, err := Open(Options{Dir: dir, Log: zerolog.Nop(), ReadOnly: readOnly}); !errors.Is(err, want) {
				t.Errorf("version file %q: got %v, %v, want %v", text, j, err, want)
			}
		}
		if after := dirState(t, dir); !maps.Equal(before, after) {
			t.Errorf("version file %q: the directory was changed: %v, was %v", text,
				slices.Sorted(maps.Keys(after)), slices.Sorted(maps.Keys(before)))
		}
	}
}
