package dedup

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/sdk"
)

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
		if held, retired := b.held(), b.retired(); len(held) > perWindow+perGroup || len(retired) >= dropAtOnce {
			t.Errorf("buckets: got %d, %d of them retired, want at most %d and fewer than %d", len(held), len(retired), perWindow+perGroup, dropAtOnce)
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
	first := b.held()[0]
	if !slices.Contains(b.retired(), first) || b.s.layout.end(first).After(stopped) {
		t.Fatalf("the bucket of the first mark is not there and retired: %v, %v", b.held(), b.retired())
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
	if n := len(b.retired()); n >= dropAtOnce {
		t.Errorf("retired buckets: got %d after nothing waits any more, want fewer than %d", n, dropAtOnce)
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
	if n := len(b.retired()); n < 50 {
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
