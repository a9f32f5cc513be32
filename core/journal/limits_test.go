package journal

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestLocked opens one directory twice (F31).
func TestLocked(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "journal")
	j := open(t, Options{Dir: dir})
	if second, err := Open(Options{Dir: dir, Log: j.opts.Log}); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: got %v, %v, want %v", second, err, ErrLocked)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if _, err := j.newLog(Raw, "y", 9).Append(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("append after close: got %v, want %v", err, ErrClosed)
	}
	j = open(t, Options{Dir: dir})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReadOnlyOfNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "nothing")
	o := Options{Dir: dir, ReadOnly: true}
	if j, err := Open(o); !errors.Is(err, ErrNoStore) {
		t.Errorf("got %v, %v, want %v", j, err, ErrNoStore)
	}
}

// TestStoreGone proves I10: a journal whose store was removed is not a new one.
func TestStoreGone(t *testing.T) {
	t.Parallel()
	fs, _ := damaged(t)
	for _, f := range storeFiles(t, fs) {
		if fs.PathBase(f) != versionFile {
			if err := fs.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	if j, err := Open(memOptions(fs)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v, %v, want %v", j, err, ErrCorrupt)
	}
}

// TestCursorNeverBackward proves I9 for steps that were begun side by side: the
// later commit decides, and nothing of a refused step happens.
func TestCursorNeverBackward(t *testing.T) {
	t.Parallel()
	j := open(t, memOptions(vfs.NewMem()))
	defer j.Close()
	out := mustLog(t, j, StagedIn, "p")
	row := Row{Scope: ScopeSink, Name: "k", Source: "p", Outcome: Delivered}
	far, near := j.Begin(), j.Begin()
	far.SetCursor("c", Cursor{Offset: 9})
	near.SetCursor("c", Cursor{Offset: 5})
	near.Count(row, 1)
	near.Append(out, []Entry{{Body: []byte("x")}}, nil)
	if err := far.Commit(Durable); err != nil {
		t.Fatal(err)
	}
	if err := near.Commit(Durable); !errors.Is(err, ErrBackward) {
		t.Errorf("backward step: got %v, want %v", err, ErrBackward)
	}
	if c, n, tail := j.Cursor("c").Offset, ledgerCount(j, row), out.Tail(); c != 9 || n != 0 || tail != 0 {
		t.Errorf("after a refused step: cursor %d, count %d, tail %d, want 9, 0, 0", c, n, tail)
	}
	late := j.Begin()
	late.SetCursor("c", Cursor{Offset: 8})
	if err := late.Commit(Lazy); !errors.Is(err, ErrBackward) {
		t.Errorf("backward at once: got %v, want %v", err, ErrBackward)
	}
	if err := j.Rewind("c", Cursor{Offset: 2}); err != nil || j.Cursor("c").Offset != 2 {
		t.Errorf("rewind: %v, cursor %d, want 2", err, j.Cursor("c").Offset)
	}
}

// TestNothingShownBeforeItsSync proves I2 for all that can be seen of an append:
// while its sync is under way, neither tail nor entry nor count shows it.
func TestNothingShownBeforeItsSync(t *testing.T) {
	t.Parallel()
	syncing, goOn := make(chan struct{}), make(chan struct{})
	var armed atomic.Bool
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		isSync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
		if isSync && armed.CompareAndSwap(true, false) {
			syncing <- struct{}{}
			<-goOn
		}
		return nil
	})
	j := open(t, memOptions(errorfs.Wrap(vfs.NewMem(), inject)))
	defer j.Close()
	l := mustLog(t, j, Raw, "x")
	row := Row{Scope: ScopeRaw, Name: "x", Outcome: Stored}
	armed.Store(true)
	done := make(chan error, 1)
	go func() { _, err := l.Append([]byte("a")); done <- err }()
	<-syncing
	es, err := l.Read(0, 1, 1)
	if l.Tail() != 0 || len(es) != 0 || err != nil || ledgerCount(j, row) != 0 {
		t.Errorf("I2: before the sync: tail %d, %d entries (%v), %d counted, want none", l.Tail(), len(es), err, ledgerCount(j, row))
	}
	select {
	case err := <-done:
		t.Errorf("I1: append returned before its sync: %v", err)
	default:
	}
	close(goOn)
	if err := <-done; err != nil || l.Tail() != 1 || ledgerCount(j, row) != 1 {
		t.Errorf("after the sync: %v, tail %d, %d counted, want 1 and 1", err, l.Tail(), ledgerCount(j, row))
	}
}

// TestTrimmedIsGone trims what is still in memory, all of it at last, and goes on.
func TestTrimmedIsGone(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	j := open(t, memOptions(fs))
	l := mustLog(t, j, Raw, "x")
	for i := range 10 {
		if _, err := l.Append(fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	future := time.Now().Add(time.Hour)
	if keep, err := l.Trim(t.Context(), 10, time.Unix(0, 0)); err != nil || keep != 0 {
		t.Errorf("trim of nothing old: got %d, %v, want 0", keep, err)
	}
	if keep, err := l.Trim(t.Context(), 4, future); err != nil || keep != 4 {
		t.Errorf("trim to 4: got %d, %v", keep, err)
	}
	if es, err := l.Read(3, 1, 1); !errors.Is(err, ErrTrimmed) {
		t.Errorf("read of a trimmed offset: got %v, %v, want %v", es, err, ErrTrimmed)
	}
	if es, err := l.Read(4, 1, 1); err != nil || string(es[0].Body) != "4" {
		t.Errorf("read of what is left: got %v, %v", es, err)
	}
	if _, err := l.Trim(t.Context(), 99, future); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, memOptions(fs))
	defer j.Close()
	l = mustLog(t, j, Raw, "x")
	if first, err := l.First(); err != nil || first != 10 || l.Tail() != 10 {
		t.Errorf("all trimmed, opened again: first %d, tail %d, %v, want 10", first, l.Tail(), err)
	}
	if off, err := l.Append(nil); err != nil || off != 10 {
		t.Errorf("an offset was given twice: got %d, %v, want 10", off, err)
	}
}

// TestHole proves I10: a chunk that is missing between others is no trimming.
func TestHole(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	j := open(t, memOptions(fs))
	l := mustLog(t, j, Raw, "x")
	for i := range 3 {
		if _, err := l.Append(fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.db.Delete(logKey(prefixChunk, l.id, 1), nil); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, memOptions(fs))
	defer j.Close()
	l = mustLog(t, j, Raw, "x")
	if es, err := l.Read(0, 10, 1<<20); err != nil || len(es) != 1 {
		t.Errorf("read up to the hole: got %d entries, %v, want 1", len(es), err)
	}
	if es, err := l.Read(1, 10, 1<<20); !errors.Is(err, ErrCorrupt) {
		t.Errorf("read in the hole: got %v, %v, want %v", es, err, ErrCorrupt)
	}
}

// TestLargeGroup: a group that is larger than the store's memory is kept by the store
// as it is. What is written after it, with the group's memory, changes nothing of it
// (I2, I7).
func TestLargeGroup(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	j := open(t, memOptions(fs))
	l := mustLog(t, j, Raw, "x")
	body := func(i int) []byte {
		size := 300 // now and then more than a memtable of 256 KiB holds
		if i%5 == 0 {
			size = 400 << 10
		}
		return bytes.Repeat([]byte{byte(i)}, size)
	}
	const n = 60 // more than the log keeps in memory of its newest
	for i := range n {
		if _, err := l.Append(body(i)); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string, l *Log) {
		for i := range n {
			es, err := l.Read(uint64(i), 1, 1)
			if err != nil || len(es) != 1 || !bytes.Equal(es[0].Body, body(i)) {
				t.Fatalf("%s: entry %d: got %d entries, %v, want what was appended", when, i, len(es), err)
			}
		}
	}
	check("at once", l)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, memOptions(fs))
	check("after a restart", mustLog(t, j, Raw, "x"))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}
