package dedup

import (
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/journal"
	"pgregory.net/rapid"
)

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
	if n := len(b.held()); n > 5 {
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
