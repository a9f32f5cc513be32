package journal

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"
)

// diskFS is a file system whose free space the test decides.
type diskFS struct {
	vfs.FS
	free atomic.Uint64
}

func (fs *diskFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: fs.free.Load(), TotalBytes: 1 << 40}, nil
}

// TestShortage proves I12 at both limits (F07): appends are refused from the limit
// on, steps are not, and the refusal ends a way below the limit only.
func TestShortage(t *testing.T) {
	t.Parallel()
	fs := &diskFS{FS: vfs.NewMem()}
	fs.free.Store(1 << 30)
	o := memOptions(fs)
	o.MinFree, o.MaxDisk = 1000, 10_000
	j := open(t, o)
	defer j.Close()
	var size atomic.Uint64
	j.disk.mu.Lock()
	j.disk.size = size.Load
	j.disk.mu.Unlock()
	l := mustLog(t, j, Raw, "x")
	for i, c := range []struct {
		free, size uint64
		want       Shortage
	}{
		{5000, 0, Enough},
		{1000, 8999, Enough},
		{999, 0, DiskLow},
		{1249, 0, DiskLow}, // more than the limit, not yet enough
		{1250, 0, Enough},
		{5000, 9000, AtMaxDisk},
		{5000, 8000, AtMaxDisk},
		{5000, 7999, Enough},
		{10, 99_999, DiskLow},     // both: what is more urgent
		{5000, 99_999, AtMaxDisk}, // from one into the other
		{5000, 0, Enough},
	} {
		fs.free.Store(c.free)
		size.Store(c.size)
		j.checkDisk()
		if got := j.Shortage(); got != c.want || j.Full() != (c.want != Enough) {
			t.Errorf("look %d, %d free, size %d: got %q, full %t, want %q", i, c.free, c.size, got, j.Full(), c.want)
		}
		_, err := l.Append([]byte("a"))
		if refused := errors.Is(err, ErrFull); refused != (c.want != Enough) || err != nil && !refused {
			t.Errorf("look %d: append: got %v, shortage %q", i, err, c.want)
		}
		tx := j.Begin()
		tx.SetCursor("sink/p/k", Cursor{Offset: uint64(i)})
		if err := tx.Commit(Durable); err != nil {
			t.Errorf("look %d: step: %v", i, err)
		}
	}
}

// TestUnknownFreeSpace: a file system that cannot tell is not a full one, and
// the store's own size still counts.
func TestUnknownFreeSpace(t *testing.T) {
	t.Parallel()
	o := memOptions(vfs.NewMem())
	o.MaxDisk = 10_000
	j := open(t, o)
	defer j.Close()
	j.disk.mu.Lock()
	j.disk.size = func() uint64 { return 9500 }
	j.disk.mu.Unlock()
	j.checkDisk()
	if got := j.Shortage(); got != AtMaxDisk {
		t.Errorf("got %q, want %q", got, AtMaxDisk)
	}
}

// TestMaxDisk fills a real small store up to its limit, and has retention make
// room: it refuses, loses nothing, and accepts again by itself, without anybody
// asking it to. The store alone would give no room back: it compacts what is
// written to.
func TestMaxDisk(t *testing.T) {
	t.Parallel()
	var logged lines
	j, l := fullStore(t, &logged)
	stored := l.Tail()
	if _, err := l.Trim(t.Context(), stored, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	until(t, "room", func() bool { return !j.Full() })
	if off, err := l.Append([]byte("x")); err != nil || off != stored {
		t.Errorf("append once there is room: got offset %d, %v, want %d", off, err, stored)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"shortage":"at_maximum"`, "there is room again"} {
		if logged.with(want) == "" {
			t.Errorf("log: got %q, want %s in it", logged.all, want)
		}
	}
}

// What was trimmed before the journal was full, or by a process that ended before
// it had the room back, is given back too; once.
func TestRoomOfWhatWasTrimmedBefore(t *testing.T) {
	t.Parallel()
	var logged lines
	j, l := fullStore(t, &logged)
	given, cancel := context.WithCancel(t.Context())
	cancel()
	future := time.Now().Add(time.Hour)
	if keep, err := l.Trim(given, l.Tail(), future); !errors.Is(err, context.Canceled) || keep != l.Tail() {
		t.Errorf("trim that is given up: got %d, %v, want %d and the context's error", keep, err, l.Tail())
	}
	for range 2 {
		if keep, err := l.Trim(t.Context(), l.Tail(), future); err != nil || keep != l.Tail() {
			t.Errorf("trim again: got %d, %v, want %d", keep, err, l.Tail())
		}
	}
	until(t, "room", func() bool { return !j.Full() })
	if got := l.reclaimed.Load(); got != l.Tail() {
		t.Errorf("reclaimed: got %d, want %d", got, l.Tail())
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// fullStore fills a store to a limit of 8 MiB with what cannot be compressed.
func fullStore(t *testing.T, logged *lines) (*Journal, *Log) {
	t.Helper()
	const limit = 8 << 20
	j, err := Open(Options{Dir: t.TempDir(), MaxDisk: limit, MinFree: 1, MemTableBytes: 512 << 10, CacheBytes: 1 << 20, Log: zerolog.New(logged)})
	if err != nil {
		t.Fatal(err)
	}
	l := mustLog(t, j, Raw, "x")
	random := rand.NewChaCha8([32]byte{7})
	body := make([]byte, 64<<10)
	for stored := uint64(0); ; {
		_, _ = random.Read(body)
		switch _, err := l.Append(bytes.Clone(body)); {
		case err == nil:
			stored++
			j.checkDisk() // the clock's look comes once a second; this fills within one
			continue
		case !errors.Is(err, ErrFull) || stored > 1000:
			t.Fatalf("after %d requests: %v", stored, err)
		}
		// A compaction needs room for a while, so that a store can be full and have
		// room again by itself. This one is full of what it holds.
		if err := j.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false); err != nil {
			t.Fatal(err)
		}
		until(t, "the end of what was compacted", func() bool { return j.db.Metrics().Table.ObsoleteSize == 0 })
		if j.checkDisk(); j.Shortage() == AtMaxDisk {
			if used := j.Metrics().DiskBytes; used < resumeBelow(limit) || used > limit*3/2 || l.Tail() != stored {
				t.Fatalf("full at %d bytes with %d requests, want about %d, and %d", used, l.Tail(), limit, stored)
			}
			return j, l
		}
	}
}

// until waits for what happens soon.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	for !happened() {
		select {
		case <-deadline.C:
			t.Fatalf("no sign of %s after 20 s", what)
		case <-every.C:
		}
	}
}

// lines keeps what many goroutines log.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(line))
	return len(line), nil
}

// with returns the first line that holds text, empty if there is none.
func (l *lines) with(text string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		if strings.Contains(line, text) {
			return line
		}
	}
	return ""
}

// TestTally: what nobody waits for is in the ledger with the next commit, by
// itself a second later, and at the end in any case.
func TestTally(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	j := open(t, memOptions(fs))
	l := mustLog(t, j, Raw, "x")
	row := Row{Scope: ScopeRaw, Name: "x", Source: "bad_signature", Outcome: Refused}
	j.Tally(row, 2)
	j.Tally(row, 1)
	if _, err := l.Append([]byte("a")); err != nil {
		t.Fatal(err)
	}
	if got := ledgerCount(j, row); got != 3 {
		t.Errorf("with the next commit: got %d, want 3", got)
	}
	j.Tally(row, 4)
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	for ledgerCount(j, row) != 7 {
		select {
		case <-deadline.C:
			t.Fatalf("by itself: got %d, want 7", ledgerCount(j, row))
		case <-every.C:
		}
	}
	j.Tally(row, 5)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, memOptions(fs))
	defer j.Close()
	if got := ledgerCount(j, row); got != 12 {
		t.Errorf("after the end: got %d, want 12", got)
	}
}
