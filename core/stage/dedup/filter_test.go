package dedup

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/journal"
)

// TestFilterHoldsAll: a filter never denies what was added, small or large, and
// seldom holds what was not.
func TestFilterHoldsAll(t *testing.T) {
	t.Parallel()
	f := newFilter(0)
	rng := rand.New(rand.NewPCG(1, 2))
	hash := func() (h journal.Hash) {
		binary.LittleEndian.PutUint64(h[:], rng.Uint64())
		binary.LittleEndian.PutUint64(h[8:], rng.Uint64())
		return h
	}
	var all []journal.Hash
	for i := range 800_000 { // more than two parts hold
		h := hash()
		all = append(all, h)
		f.add(h, uint32(i%perGroup))
	}
	found := 0
	for i, h := range all {
		w := f.where(h)
		if !w.has(uint32(i % perGroup)) {
			t.Fatalf("key %d of %d is denied", i, len(all))
		}
		found += len(slices.Collect(w.all()))
	}
	if found > len(all)*28/10 {
		t.Errorf("%d keys are said to lie in %d buckets, want at most 2.8 each", len(all), found)
	}
	if len(f.parts) != 3 || f.full() {
		t.Errorf("got %d parts, full: %v, want 3 and not full", len(f.parts), f.full())
	}
	const asked = 100_000
	wrong := 0
	for range asked {
		if w := f.where(hash()); !w.empty() {
			wrong++
		}
	}
	if wrong > asked/500 {
		t.Errorf("%d of %d unknown keys are held, want at most one in 500", wrong, asked)
	}
}

// TestFilterSize: a group's filter begins with the size that the group before it
// would have needed, and with a smaller one when there is less to do (I12).
func TestFilterSize(t *testing.T) {
	t.Parallel()
	b := newBed(t, perWindow*time.Minute)
	for _, step := range []struct{ keys, size int }{{0, 0}, {10, 0}, {300_000, 1}, {30_000, 0}, {30_000_000, 2}, {600_000, 1}, {5, 0}} {
		number, _ := place(uint32(b.now.UnixNano() / int64(time.Minute)))
		b.pass(uint64(step.keys))
		f := b.s.groups.get(number).filter
		f.parts[0].keys = step.keys // as if the group had so many by its end
		b.now = b.now.Add(perGroup * time.Minute)
		b.pass(uint64(step.keys) + 1)
		next, _ := place(uint32(b.now.UnixNano() / int64(time.Minute)))
		if got := b.s.groups.get(next).filter.size(); got != step.size {
			t.Errorf("after a group of %d: got size %d, want %d", step.keys, got, step.size)
		}
	}
}

// TestFiltersAfterAJump: buckets of a clock that was years ahead for a while, or
// of a pipeline that is behind, take no filter from those that all events are
// looked for in (F24, I12).
func TestFiltersAfterAJump(t *testing.T) {
	t.Parallel()
	for name, jump := range map[string]time.Duration{"ahead": 10 * 365 * 24 * time.Hour, "behind": -100 * time.Hour} {
		b := newBed(t, time.Hour)
		start := b.now
		b.want(1, false, name)
		b.now, b.behind = start.Add(max(jump, 0)), max(-jump, 0)
		for i := range uint64(3) {
			b.want(2+i, false, name)
			b.now = b.now.Add(time.Hour)
		}
		b.now, b.behind = start, 0
		b.restart()
		for i := range uint64(40) {
			b.now = b.now.Add(5 * time.Minute)
			b.pass(100 + i)
			for back := range uint32(3) {
				number, _ := place(uint32(b.now.Add(-time.Duration(back)*b.window/2).UnixNano() / int64(b.s.width)))
				if g := b.s.groups.get(number); g != nil && g.filter == nil {
					t.Fatalf("%s: at %s the group %d half windows back has no filter", name, b.now.Sub(start), back)
				}
			}
		}
		if jump > 0 {
			b.want(4, true, "of the time ahead, whatever became of its filter")
		}
	}
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
		number, n := place(b.held()[0])
		f := newFilter(len(partKeys) - 1)
		f.add(b.hash(1), n)
		f.parts[0].keys = partKeys[len(partKeys)-1]
		b.s.groups.get(number).filter = f
		first := b.now
		for i := range uint64(20) {
			b.now = b.now.Add(time.Minute)
			b.want(100+i, false, "another")
		}
		last := b.now
		if n := len(b.held()); n != 1 {
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
