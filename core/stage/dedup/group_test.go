package dedup

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/journal"
	"pgregory.net/rapid"
)

// TestSet: a set of buckets says what a map says.
func TestSet(t *testing.T) {
	t.Parallel()
	numbers := rapid.SliceOf(rapid.Uint32Range(0, perGroup-1))
	build := func(in []uint32) (s set, m map[uint32]bool) {
		m = map[uint32]bool{}
		for _, n := range in {
			s.add(n)
			m[n] = true
		}
		return s, m
	}
	keys := func(m map[uint32]bool) []uint32 { return slices.Sorted(maps.Keys(m)) }
	rapid.Check(t, func(rt *rapid.T) {
		a, in := build(numbers.Draw(rt, "a"))
		b, inB := build(numbers.Draw(rt, "b"))
		both, either, alone := map[uint32]bool{}, maps.Clone(in), maps.Clone(in)
		for n := range inB {
			either[n] = true
			delete(alone, n)
			if in[n] {
				both[n] = true
			}
		}
		for what, c := range map[string]struct {
			got  set
			want map[uint32]bool
		}{"a": {a, in}, "and": {a.and(b), both}, "or": {a.or(b), either}, "without": {a.without(b), alone}} {
			if got, want := slices.Collect(c.got.all()), keys(c.want); !slices.Equal(got, want) {
				rt.Errorf("%s: got %v, want %v", what, got, want)
			}
			if c.got.empty() != (len(c.want) == 0) {
				rt.Errorf("%s: got empty %v, want %d buckets", what, c.got.empty(), len(c.want))
			}
		}
		n := rapid.Uint32Range(0, perGroup-1).Draw(rt, "n")
		var want uint32
		found := false
		for _, k := range keys(in) {
			if k < n {
				want, found = k, true
			}
		}
		if got, ok := a.before(n); got != want || ok != found {
			rt.Errorf("before %d: got %d, %v, want %d, %v", n, got, ok, want, found)
		}
		a.remove(n)
		if a.has(n) {
			rt.Errorf("%d is there after it was removed", n)
		}
	})
}

// TestFillByBucket: as filters are filled after a start, fewer and fewer buckets are
// looked into for a new identity, and what was seen is found all along (I6).
func TestFillByBucket(t *testing.T) {
	t.Parallel()
	b := newBed(t, perWindow*time.Minute)
	const buckets = 20
	for i := range uint64(buckets) {
		b.pass(i)
		b.now = b.now.Add(time.Minute)
	}
	b.restart()
	for i, bucket := range b.s.found {
		unknown := []journal.Hash{b.hash(1000 + uint64(i))}
		if ask, _ := b.s.unsure(unknown, []int{0}, b.now); len(ask) != buckets-i {
			t.Errorf("with %d of %d buckets filled: got %d questions, want %d", i, buckets, len(ask), buckets-i)
		}
		for k := range uint64(buckets) {
			var found bool
			ask, _ := b.s.unsure([]journal.Hash{b.hash(k)}, []int{0}, b.now)
			if err := b.j.Marks(7, ask, func(int, []byte) { found = true }); err != nil || !found {
				t.Errorf("with %d buckets filled: identity %d is found: got %v, %v, want true", i, k, found, err)
			}
		}
		if err := b.s.fill(t.Context(), bucket); err != nil {
			t.Fatal(err)
		}
	}
	if ask, _ := b.s.unsure([]journal.Hash{b.hash(2000)}, []int{0}, b.now); len(ask) != 0 {
		t.Errorf("with all buckets filled: got %d questions, want none", len(ask))
	}
}

// TestJumpForgetsLittle: a clock that jumps years ahead, once or for good, costs a
// few buckets at once and then no more than twice what time goes on (F24).
func TestJumpForgetsLittle(t *testing.T) {
	t.Parallel()
	b := newBed(t, perWindow*time.Minute)
	for i := range uint64(perWindow) {
		b.pass(i)
		b.now = b.now.Add(time.Minute)
	}
	before, clock := b.now, b.now
	b.s.now = func() time.Time { return clock } // what jumps is the wall clock alone
	gone := func() (n int) {
		for i := range uint64(perWindow) {
			if !slices.Contains(b.retired(), uint32(before.Add(time.Duration(int(i)-perWindow)*time.Minute).UnixNano()/int64(time.Minute))) {
				continue
			}
			n++
		}
		return n
	}
	b.now = b.now.AddDate(10, 0, 0)
	for i := range uint64(50) {
		b.pass(10_000 + i)
	}
	if n := gone(); n > maxRetired {
		t.Errorf("buckets retired at once: got %d, want at most %d", n, maxRetired)
	}
	for range 30 {
		clock, b.now = clock.Add(time.Minute), b.now.Add(time.Minute)
		b.pass(uint64(b.now.Unix()))
	}
	if n := gone(); n > maxRetired+2*30 {
		t.Errorf("buckets retired in half an hour: got %d, want at most %d", n, maxRetired+2*30)
	}
	b.now = before
	b.want(perWindow-1, true, "the clock is right again")
	b.want(perWindow/2, true, "half a window ago")
}

// TestDrop: what is dropped is gone, what lies between is not.
func TestDrop(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		b := newBed(t, perWindow*time.Minute)
		b.now = time.Unix(int64(perGroup*60)*1000-15*60, 0) // over the border of two groups
		for i := range uint64(30) {
			b.pass(i)
			b.now = b.now.Add(time.Minute)
		}
		held := b.held()
		picked := rapid.SliceOfNDistinct(rapid.IntRange(0, len(held)-1), 0, len(held), rapid.ID[int]).Draw(rt, "dropped")
		var dropped []uint32
		for _, i := range picked {
			dropped = append(dropped, held[i])
		}
		tx := b.j.Begin()
		b.s.drop(tx, slices.Clone(dropped))
		if err := tx.Commit(journal.Durable); err != nil {
			rt.Fatal(err)
		}
		inStore, err := b.j.Buckets(7)
		if err != nil {
			rt.Fatal(err)
		}
		want := slices.DeleteFunc(slices.Clone(held), func(n uint32) bool { return slices.Contains(dropped, n) })
		if !slices.Equal(inStore, want) || !slices.Equal(b.held(), want) {
			rt.Errorf("dropped %v: got %v in the journal and %v in memory, want %v", dropped, inStore, b.held(), want)
		}
	})
}
