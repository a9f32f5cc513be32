package dedup

import (
	"context"
	"encoding/binary"
	"errors"
	"math/bits"
	"math/rand/v2"
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

// TestFilterHoldsAll: a filter never denies what was added, small or large, and
// seldom holds what was not.
func TestFilterHoldsAll(t *testing.T) {
	t.Parallel()
	f := newFilter(true, 0)
	rng := rand.New(rand.NewPCG(1, 2))
	hash := func() (h journal.Hash) {
		binary.LittleEndian.PutUint64(h[:], rng.Uint64())
		binary.LittleEndian.PutUint64(h[8:], rng.Uint64())
		return h
	}
	var all []journal.Hash
	for i := range 400_000 { // more than two parts hold
		h := hash()
		all = append(all, h)
		f.add(h, uint32(i%perGroup))
	}
	found := 0
	for i, h := range all {
		w := f.where(h)
		if w>>(i%perGroup)&1 == 0 {
			t.Fatalf("key %d of %d is denied", i, len(all))
		}
		found += bits.OnesCount64(w)
	}
	if found > len(all)*18/10 {
		t.Errorf("%d keys are said to lie in %d buckets, want at most 1.8 each", len(all), found)
	}
	if len(f.parts) != 3 || f.full() {
		t.Errorf("got %d parts, full: %v, want 3 and not full", len(f.parts), f.full())
	}
	const asked = 100_000
	wrong := 0
	for range asked {
		if f.where(hash()) != 0 {
			wrong++
		}
	}
	if wrong > asked/50 {
		t.Errorf("%d of %d unknown keys are held, want at most one in fifty", wrong, asked)
	}
}

// TestFilterSize: a group's filter begins with the size that the group before it
// would have needed, and with a smaller one when there is less to do (I12).
func TestFilterSize(t *testing.T) {
	t.Parallel()
	b := newBed(t, perWindow*time.Minute)
	for _, step := range []struct{ keys, size int }{{0, 0}, {10, 0}, {300_000, 2}, {90_000, 1}, {30_000_000, 3}, {1_000_000, 2}, {5, 0}} {
		g, _ := group(uint32(b.now.UnixNano() / int64(time.Minute)))
		b.pass(uint64(step.keys))
		f := b.s.filters[g]
		f.parts[0].keys = step.keys // as if the group had so many by its end
		b.now = b.now.Add(perGroup * time.Minute)
		b.pass(uint64(step.keys) + 1)
		next, _ := group(uint32(b.now.UnixNano() / int64(time.Minute)))
		if got := b.s.filters[next].size(); got != step.size {
			t.Errorf("after a group of %d: got size %d, want %d", step.keys, got, step.size)
		}
	}
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
	if len(b.s.filters) > maxFilters {
		t.Errorf("got %d filters, want at most %d", len(b.s.filters), maxFilters)
	}
	b.want(111, true, "the last of them")
}

// TestFullFilter: once a group's filter is full its marks go into one bucket, in
// which they are found for a window like all others, restarts or not, and
// forgotten after it (I6, I12).
func TestFullFilter(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		b := newBed(t, perWindow*time.Minute)
		b.now = time.Unix(0, int64(perGroup*time.Minute)*1000).Add(time.Minute)
		b.want(1, false, "first")
		g, n := group(b.s.buckets[0])
		f := newFilter(true, len(partBytes)-1)
		f.add(b.hash(1), n)
		f.parts[0].keys = partBytes[len(partBytes)-1]
		b.s.filters[g] = f
		first := b.now
		for i := range uint64(20) {
			b.now = b.now.Add(time.Minute)
			b.want(100+i, false, "another")
		}
		last := b.now
		if n := len(b.s.buckets); n != 1 {
			t.Errorf("buckets of a full filter: got %d, want 1", n)
		}
		if restart {
			b.restart()
		}
		b.now = last.Add(b.window - time.Minute) // longer ago than a window for the first
		b.want(200, false, "another group")
		b.want(119, true, "within the window")
		if b.now.Sub(first) <= b.window {
			t.Fatal("the test's times are wrong")
		}
		for range 40 {
			b.now = b.now.Add(b.window / 20)
			b.pass(uint64(b.now.Unix()))
		}
		b.want(119, false, "two windows later")
		if len(b.s.layout.Ends) != 0 {
			t.Errorf("ends of buckets: got %v, want none", b.s.layout.Ends)
		}
	}
}

// TestBucketsOfOlderVersions: marks in buckets half a window wide, with a layout
// or from before there was one, are found for a window (I6, I16).
func TestBucketsOfOlderVersions(t *testing.T) {
	t.Parallel()
	for _, kept := range []bool{false, true} {
		b := newBed(t, 10*time.Hour)
		width := b.window / 2
		tx := b.j.Begin()
		tx.Mark(7, uint32(b.now.UnixNano()/int64(width)), b.hash(5), seen{3, 0}.encode(nil))
		if kept {
			l := layout{Width: width}
			tx.SetCursor(layoutName(7), journal.Cursor{Extra: l.encode()})
		}
		if err := tx.Commit(journal.Durable); err != nil {
			t.Fatal(err)
		}
		b.restart()
		for range 10 {
			b.now = b.now.Add(59 * time.Minute)
			b.want(5, true, "within the window")
		}
		if err := b.s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.want(5, true, "with its filter")
		for range 100 {
			b.now = b.now.Add(time.Hour)
			b.pass(uint64(b.now.Unix()))
		}
		b.want(5, false, "long ago")
	}
}

// TestBehind: a pipeline that was held up for longer than a window works off
// what came meanwhile. What was repeated within the window of receipt counts
// once, whatever the clock says by then, restarts or not; what was not counts
// again (I6).
func TestBehind(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		b := newBed(t, time.Hour)
		b.want(1, false, "before the outage")
		b.behind = 5 * time.Hour
		b.now = b.now.Add(b.behind)
		for i := range 110 {
			b.now = b.now.Add(time.Minute)
			b.want(uint64(1000+i), false, "another")
			switch i {
			case 50:
				b.want(1, true, "within an hour of the first by receipt")
			case 55:
				b.want(1050, true, "five minutes later by receipt")
				if restart {
					b.restart()
				}
				b.want(1020, true, "35 minutes later by receipt")
			}
		}
		b.want(1010, false, "100 minutes later by receipt")
		// Nothing is kept for longer than it is needed.
		b.behind = 0
		for i := range 600 {
			b.now = b.now.Add(time.Minute)
			b.pass(uint64(5000 + i))
		}
		if n := len(b.s.buckets); n > perWindow+perGroup || len(b.s.retired) > 0 {
			t.Errorf("buckets: got %d, %d of them retired, want at most %d and none", n, len(b.s.retired), perWindow+perGroup)
		}
	}
}

// TestOtherLaneBehind: marks are kept as long as a request of any lane waits that
// was received within their window, and cost nobody else anything (I6).
func TestOtherLaneBehind(t *testing.T) {
	t.Parallel()
	b := newBed(t, time.Hour)
	b.want(1, false, "before the outage")
	stopped := b.now.Add(30 * time.Minute)
	b.waits = func() time.Time { return stopped }
	for i := range 400 {
		b.now = b.now.Add(time.Minute)
		b.pass(uint64(1000 + i))
	}
	first := b.s.buckets[0]
	if !b.s.retired[first] || b.s.layout.end(first).After(stopped) {
		t.Fatalf("the bucket of the first mark is not there and retired: %v, %v", b.s.buckets, b.s.retired)
	}
	if ask, _ := b.s.unsure(make([]journal.Hash, 1), []int{0}, b.now); len(ask) > perWindow+2 {
		t.Errorf("a lane that is not behind asks %d buckets, want none that are retired", len(ask))
	}
	b.behind = b.now.Sub(stopped)
	b.want(1, true, "half an hour later by receipt")
	b.behind, b.waits = 0, nil
	for i := range 400 {
		b.now = b.now.Add(time.Minute)
		b.pass(uint64(2000 + i))
	}
	if len(b.s.retired) > 0 {
		t.Errorf("retired buckets: got %d after nothing waits any more, want none", len(b.s.retired))
	}
	b.want(1, false, "long after")
}

// TestOldestUnknown: as long as nobody can say what waits, nothing is dropped.
func TestOldestUnknown(t *testing.T) {
	t.Parallel()
	b := newBed(t, time.Hour)
	b.pass(1)
	b.waits = func() time.Time { return time.Time{} }
	for i := range 200 {
		b.now = b.now.Add(time.Minute)
		b.pass(uint64(1000 + i))
	}
	if n := len(b.s.retired); n < 50 {
		t.Errorf("retired buckets: got %d, want all since the first hour", n)
	}
	b.s.neededAt = time.Time{}
	tx := b.j.Begin()
	defer tx.Discard()
	want := errors.New("cannot be read")
	err := b.s.Apply(t.Context(), &stage.Batch{
		Items: []stage.Item{{Event: &sdk.Event{ID: sdk.ID{1}, ReceivedAt: b.now}}}, Tx: tx, Now: b.now,
		Oldest: func(time.Time) (time.Time, error) { return time.Time{}, want },
	})
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
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

// A window that is changed forgets nothing that the new one covers, whatever the
// old one was (I6): the numbers of buckets mean something else from then on.
func TestWindowChange(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		hours := rapid.IntRange(2, 400)
		b := newBed(t, time.Duration(hours.Draw(r, "first"))*time.Hour)
		seen := map[uint64]time.Time{}
		for next := range uint64(rapid.IntRange(5, 60).Draw(r, "steps")) {
			if rapid.IntRange(0, 5).Draw(r, "change") == 0 {
				b.window = time.Duration(hours.Draw(r, "window")) * time.Hour
				// Nothing older than the smallest window so far is promised.
				for id, at := range seen {
					if b.now.Sub(at) > b.window {
						delete(seen, id)
					}
				}
				if rapid.Bool().Draw(r, "crash") {
					b.restart()
				} else {
					s, err := New(b.j, 7, b.window, func() time.Time { return b.now })
					if err != nil {
						r.Fatal(err)
					}
					b.s = s
				}
			}
			b.now = b.now.Add(time.Duration(rapid.IntRange(1, 600).Draw(r, "minutes")) * time.Minute)
			b.pass(next)
			seen[next] = b.now
			for id, at := range seen {
				if b.now.Sub(at) > b.window {
					delete(seen, id) // may be forgotten from now on
				} else if got := b.pass(id); !got[0] {
					r.Fatalf("event %d of %s ago: got new, want a duplicate within %s", id, b.now.Sub(at), b.window)
				}
			}
		}
	})
}

// Buckets that another width made are dropped once they are outside the window.
func TestWindowChangeForgets(t *testing.T) {
	b := newBed(t, 300*time.Hour)
	b.pass(1)
	b.window = 2 * time.Hour
	b.restart()
	b.now = b.now.Add(400 * time.Hour)
	for i := range uint64(20) {
		b.pass(100 + i)
		b.now = b.now.Add(time.Hour)
	}
	if n := len(b.s.buckets); n > 5 {
		t.Errorf("buckets: got %d, want at most 5", n)
	}
	if len(b.s.layout.Ends) != 0 {
		t.Errorf("ends of old buckets: got %v, want none", b.s.layout.Ends)
	}
	b.restart()
	if len(b.s.layout.Ends) != 0 || b.s.layout.Width != b.window/perWindow {
		t.Errorf("layout after a restart: got %+v, want a width of %s and nothing else", b.s.layout, b.window/perWindow)
	}
}
