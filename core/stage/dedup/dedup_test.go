package dedup

import (
	"context"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bed is a stage over a journal in memory, with a clock of its own.
type bed struct {
	t      testing.TB
	fs     vfs.FS
	j      *journal.Journal
	s      *Stage
	now    time.Time
	behind time.Duration    // how long ago what is passed was received
	waits  func() time.Time // when what waits besides was received; nil means nothing does
	window time.Duration
	offset uint64
}

func newBed(t testing.TB, window time.Duration) *bed {
	b := &bed{t: t, fs: vfs.NewMem(), now: time.Unix(1_700_000_000, 0), window: window}
	b.open()
	t.Cleanup(func() {
		if err := b.j.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bed) open() {
	b.t.Helper()
	j, err := journal.Open(journal.Options{Dir: "j", FS: b.fs, Log: zerolog.Nop(), MemTableBytes: 1 << 20, CacheBytes: 1 << 20})
	if err != nil {
		b.t.Fatal(err)
	}
	s, err := New(j, 7, b.window, func() time.Time { return b.now })
	if err != nil {
		b.t.Fatal(err)
	}
	b.j, b.s = j, s
}

// restart closes the journal and opens it again.
func (b *bed) restart() {
	b.t.Helper()
	if err := b.j.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.open()
}

// pass gives the stage events with these numbers as identities and returns which
// of them ended as duplicates.
func (b *bed) pass(ids ...uint64) []bool {
	b.t.Helper()
	items := make([]stage.Item, len(ids))
	for i, id := range ids {
		e := &sdk.Event{Source: "twilio.a", RawOffset: b.offset, ReceivedAt: b.now.Add(-b.behind)}
		b.offset++
		binary.BigEndian.PutUint64(e.ID[:], id)
		items[i] = stage.Item{Event: e}
	}
	tx := b.j.Begin()
	oldest := func(now time.Time) (time.Time, error) {
		if b.waits != nil {
			return b.waits(), nil
		}
		return now, nil
	}
	if err := b.s.Apply(context.Background(), &stage.Batch{Items: items, Tx: tx, Now: b.now, Oldest: oldest}); err != nil {
		b.t.Fatal(err)
	}
	if err := tx.Commit(journal.Lazy); err != nil {
		b.t.Fatal(err)
	}
	out := make([]bool, len(ids))
	for i := range items {
		out[i] = items[i].Outcome == journal.Duplicate
	}
	return out
}

// held and retired are the numbers of buckets, in order.
func (b *bed) held() []uint32 {
	return slices.Collect(b.s.groups.buckets(func(g *group) set { return g.held }))
}

func (b *bed) retired() []uint32 {
	return slices.Collect(b.s.groups.buckets(func(g *group) set { return g.retired }))
}

// filters is how many groups have one.
func (b *bed) filters() (n int) {
	for _, g := range b.s.groups {
		if g.filter != nil {
			n++
		}
	}
	return n
}

// hash is that of the identity of a number.
func (b *bed) hash(id uint64) journal.Hash {
	var e sdk.ID
	binary.BigEndian.PutUint64(e[:], id)
	return b.j.HashIdentity(string(e[:]))
}

func (b *bed) want(id uint64, duplicate bool, why string) {
	b.t.Helper()
	if got := b.pass(id)[0]; got != duplicate {
		b.t.Errorf("%s: identity %d is a duplicate: got %v, want %v", why, id, got, duplicate)
	}
}

// TestWindow: an identity is remembered for one window at least and for one and a
// half at most, restarts or not (I6).
func TestWindow(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		b := newBed(t, time.Hour)
		b.want(1, false, "first")
		b.want(1, true, "at once")
		if restart {
			b.restart()
			b.want(1, true, "before the filter is filled")
			if err := b.s.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		b.now = b.now.Add(59 * time.Minute)
		b.want(2, false, "another")
		b.want(1, true, "within the window")
		for range 4 { // one bucket goes at a time
			b.now = b.now.Add(31 * time.Minute)
			b.pass(uint64(b.now.Unix()))
		}
		b.want(1, false, "two windows later")
	}
}

// TestInOneBatch: the second of two in the same batch is the duplicate.
func TestInOneBatch(t *testing.T) {
	t.Parallel()
	b := newBed(t, time.Hour)
	got := b.pass(1, 2, 1, 3, 2)
	want := []bool{false, false, true, false, true}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("event %d is a duplicate: got %v, want %v", i, got[i], want[i])
		}
	}
}

// TestLikeSet: whatever comes in whatever order, over restarts, with filters
// filled or not, the stage says what a set says (I6).
func TestLikeSet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		b := newBed(t, time.Hour)
		seen := map[uint64]bool{}
		rt.Repeat(map[string]func(*rapid.T){
			"pass": func(rt *rapid.T) {
				for _, id := range rapid.SliceOfN(rapid.Uint64Range(0, 30), 1, 20).Draw(rt, "ids") {
					if got := b.pass(id)[0]; got != seen[id] {
						rt.Fatalf("identity %d is a duplicate: got %v, want %v", id, got, seen[id])
					}
					seen[id] = true
				}
			},
			"tick":    func(*rapid.T) { b.now = b.now.Add(20 * time.Second) }, // over several buckets, within the window
			"restart": func(*rapid.T) { b.restart() },
			"fill": func(rt *rapid.T) {
				if err := b.s.Run(context.Background()); err != nil {
					rt.Fatal(err)
				}
			},
		})
	})
}

// TestClockThatJumps: a clock that jumps about makes more buckets than have
// filters; what was seen is still found (F24, I12).
func TestClockThatJumps(t *testing.T) {
	t.Parallel()
	b := newBed(t, time.Hour)
	start := b.now
	for i := range uint64(12) {
		b.now = start.Add(time.Duration(i%6) * 40 * time.Minute)
		b.pass(100 + i)
	}
	if n := b.filters(); n > maxFilters {
		t.Errorf("got %d filters, want at most %d", n, maxFilters)
	}
	b.want(111, true, "the last of them")
}

// TestFillStops: filling ends with its context and leaves the stage right.
func TestFillStops(t *testing.T) {
	t.Parallel()
	b := newBed(t, time.Hour)
	for i := range uint64(20) {
		b.pass(i)
	}
	b.restart()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.s.Run(ctx); err != nil {
		t.Errorf("got %v, want none: the end is no error", err)
	}
	b.want(3, true, "without a filter")
}

func TestWindowTooShort(t *testing.T) {
	t.Parallel()
	b := newBed(t, time.Hour)
	if _, err := New(b.j, 7, time.Millisecond, time.Now); err == nil {
		t.Error("a window of a millisecond is accepted")
	}
}
