package journal

import (
	"encoding/binary"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestUnreadableMark proves I6: an identity whose mark cannot be read is not
// taken for a new one, whatever is asked after it, and is found once it can be.
func TestUnreadableMark(t *testing.T) {
	t.Parallel()
	errRead := errors.New("read error")
	var failing atomic.Bool
	var failed atomic.Int64
	o := memOptions(errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		// One read fails: those that come after it must not make it forgotten.
		if op.Kind == errorfs.OpFileReadAt && strings.HasSuffix(op.Path, ".sst") && failing.CompareAndSwap(true, false) {
			failed.Add(1)
			return errRead
		}
		return nil
	})))
	j, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	// More than the memtable and the cache hold.
	const marks, bucket = 60_000, 3
	hash := func(i int) (h Hash) {
		binary.BigEndian.PutUint64(h[:], uint64(i)*0x9e3779b97f4a7c15)
		return h
	}
	for i := 0; i < marks; {
		tx := j.Begin()
		for range 1000 {
			tx.Mark(1, bucket, hash(i), []byte("a value that takes some room in its block"))
			i++
		}
		if err := tx.Commit(Lazy); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.db.Flush(); err != nil {
		t.Fatal(err)
	}
	ask := func(from, n int) (hits int, err error) {
		asks := make([]Ask, n)
		for i := range asks {
			asks[i] = Ask{bucket, hash(from + i)}
		}
		err = j.Marks(1, asks, func(int, []byte) { hits++ })
		return hits, err
	}
	for from := 0; from < marks; from += marks / 20 {
		failing.Store(true)
		hits, err := ask(from, 50)
		failing.Store(false)
		if err == nil && hits != 50 {
			t.Fatalf("marks from %d: got %d of 50 and no error", from, hits)
		}
		if err != nil && !errors.Is(err, errRead) {
			t.Fatalf("marks from %d: got %v, want %v", from, err, errRead)
		}
		if hits, err := ask(from, 50); err != nil || hits != 50 {
			t.Fatalf("marks from %d, readable again: got %d and %v, want 50", from, hits, err)
		}
	}
	if failed.Load() == 0 {
		t.Error("no read failed: the test shows nothing")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}
