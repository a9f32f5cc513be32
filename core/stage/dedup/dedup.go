// Package dedup ends events that were seen before: the stage `dedup`.
//
// An event is a duplicate if its ID or one of its further identities was
// remembered within the window (I6). Identities are remembered as 128-bit keyed
// hashes in time buckets, of which perWindow make a window, so that what is too
// old is forgotten a bucket at a time; the memory for an identity is thus at least
// one window and little more, at most one and a half. The marks are part of the
// same step as the events they let pass (I7), and survive restarts.
//
// Buckets are narrow because hashes are random: in the store, new marks are
// neighbours of those of their own bucket alone, which the processor's caches
// hold, and what is compacted later overlaps with nothing older. At 10 million
// live marks a mark cost half of what it does with two buckets a window.
//
// Most events are new. That they are is answered from memory, by a filter a group
// of buckets, half a window wide (filter.go), so that the cost of an event hardly
// grows with the number of identities remembered. The filter also says in which of
// the buckets to look for the others. It goes with the last bucket of its group:
// none is ever built anew while events pass. Once a filter is full the rest of its
// group is one bucket, because every identity is looked for in each of them then.
//
// Buckets go by the time of receipt, never by the provider's time (F23). A clock
// that jumps forward makes the stage forget one bucket, not all: buckets are
// retired one at a time and not more often than once in half their width (F24).
// A retired bucket is looked into for requests that were received within a window
// of it, and dropped once none of these waits any more: however far a pipeline is
// behind, what was repeated within the window counts once. A dead letter that is
// tried again does not wait in that sense: it may be months old. What comes of it
// is remembered from then on.
//
// A bucket's number says when it began only together with its width. So that a
// window can be changed, the width is kept with the marks, and so is the end of
// each bucket that is wider, or that another width made (layout.go).
package dedup

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"sync"
	"time"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/stage"
)

// Stage is the dedup stage of one pipeline. Its lanes share it: Apply is safe
// for concurrent use as long as no two lanes see the same source.
type Stage struct {
	j      *journal.Journal
	ns     uint32
	now    func() time.Time
	width  time.Duration
	window time.Duration
	found  []uint32 // buckets that New found, for Run to read

	mu      sync.Mutex
	buckets []uint32           // that hold marks, oldest first
	retired map[uint32]bool    // those of them that only a pipeline that is behind needs
	filters map[uint32]*filter // by group
	layout  layout
	// When a bucket was retired last, and when retired ones were last found to be
	// needed still.
	retiredAt, neededAt time.Time
}

// perWindow is how many buckets make a window, perGroup how many share a filter.
const (
	perWindow = 2 * perGroup
	perGroup  = 64
)

// minWidth keeps the numbers of buckets within 32 bits until 2106. A window of
// less than perWindow seconds has fewer buckets.
const minWidth = time.Second

// group is the group of a bucket, and the bucket's number in it.
func group(bucket uint32) (g, n uint32) { return bucket / perGroup, bucket % perGroup }

// maxFilters bounds the groups that have a filter: three lie within the window,
// one more is being filled or dropped. A clock that jumps about and a pipeline
// that is behind make more groups; what is farthest from the present is looked up
// in the journal (I12).
const maxFilters = 4

// New returns the stage for a namespace, which is the pipeline's own number. now
// is the clock that says how often a bucket may be dropped.
func New(j *journal.Journal, ns uint32, window time.Duration, now func() time.Time) (*Stage, error) {
	if window < time.Second {
		return nil, fmt.Errorf("dedup: window %s is below a second", window)
	}
	bs, err := j.Buckets(ns)
	if err != nil {
		return nil, fmt.Errorf("dedup: %w", err)
	}
	width := max(window/perWindow, minWidth)
	l, err := readLayout(j, ns, window, width, bs)
	if err != nil {
		return nil, fmt.Errorf("dedup: %w", err)
	}
	s := &Stage{
		j: j, ns: ns, now: now, window: window, width: width, found: slices.Clone(bs), buckets: bs,
		retired: map[uint32]bool{}, filters: map[uint32]*filter{}, layout: l,
	}
	for _, b := range bs {
		g, _ := group(b)
		s.filters[g] = newFilter(false, 0)
	}
	for len(s.filters) > maxFilters {
		delete(s.filters, s.farthest(now()))
	}
	return s, nil
}

// Run fills the filters of the buckets that were there at the start, and
// returns. The stage works without, only slower.
func (s *Stage) Run(ctx context.Context) error {
	for i, bucket := range s.found {
		g, _ := group(bucket)
		last := i+1 == len(s.found)
		if !last {
			next, _ := group(s.found[i+1])
			last = next != g
		}
		if err := s.fill(ctx, bucket, last); err != nil {
			return fmt.Errorf("dedup: fill filter: %w", err)
		}
	}
	return nil
}

// fill adds a bucket's marks to its group's filter, which is complete after the
// last of them. Marks that are made meanwhile are added by those who make them.
func (s *Stage) fill(ctx context.Context, bucket uint32, last bool) error {
	const step = 4096
	g, n := group(bucket)
	hashes := make([]journal.Hash, 0, step)
	add := func() (more bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		f := s.filters[g]
		for _, h := range hashes {
			if f != nil {
				f.add(h, n)
			}
		}
		hashes = hashes[:0]
		return f != nil && ctx.Err() == nil
	}
	err := s.j.EachMark(s.ns, bucket, func(h journal.Hash) bool {
		hashes = append(hashes, h)
		return len(hashes) < step || add()
	})
	if err != nil || !add() {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.filters[g]; f != nil && last {
		f.complete = true
	}
	return nil
}

// seen is an identity's first appearance, in this batch or in the journal.
type seen struct {
	offset uint64
	index  int
}

func (s seen) encode(b []byte) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, s.offset), uint64(s.index))
}

func decodeSeen(v []byte) (s seen, ok bool) {
	off, n := binary.Uvarint(v)
	if n <= 0 {
		return s, false
	}
	idx, m := binary.Uvarint(v[n:])
	return seen{off, int(idx)}, m > 0
}

// Apply implements stage.Stage.
func (s *Stage) Apply(_ context.Context, b *stage.Batch) error {
	hashes := make([]journal.Hash, 0, 2*len(b.Items))
	owner := make([]int, 0, cap(hashes))
	for i := range b.Items {
		it := &b.Items[i]
		if it.Outcome != 0 {
			continue
		}
		e := it.Event
		hashes, owner = append(hashes, s.j.HashIdentity(string(e.ID[:]))), append(owner, i)
		for _, id := range it.Identities {
			hashes, owner = append(hashes, s.j.HashIdentity(e.Source, id)), append(owner, i)
		}
	}
	if len(hashes) == 0 {
		return nil
	}
	earlier := make(map[int]seen)
	ask, who := s.unsure(hashes, owner, oldest(b))
	err := s.j.Marks(s.ns, ask, func(k int, v []byte) {
		if first, ok := decodeSeen(v); ok {
			earlier[who[k]] = first
		}
	})
	if err != nil {
		return fmt.Errorf("dedup: %w", err)
	}
	s.decide(b, hashes, owner, earlier)
	return s.expire(b)
}

// oldest is when the first of a batch's requests was received.
func oldest(b *stage.Batch) time.Time {
	t := b.Now
	for i := range b.Items {
		if r := b.Items[i].Event.ReceivedAt; r.Before(t) {
			t = r
		}
	}
	return t
}

// needed reports whether a bucket lies within the window of a time of receipt.
func (s *Stage) needed(bucket uint32, received time.Time) bool {
	return received.Sub(s.layout.end(bucket)) <= s.window
}

// unsure makes the questions to the journal for a batch that was received from a
// time on: each hash in each bucket that may hold it. A bucket without a complete
// filter may hold any.
func (s *Stage) unsure(hashes []journal.Hash, owner []int, from time.Time) (ask []journal.Ask, who []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := 0; at < len(s.buckets); {
		g, _ := group(s.buckets[at])
		var there uint64 // the group's buckets that hold anything
		for ; at < len(s.buckets); at++ {
			other, n := group(s.buckets[at])
			if other != g {
				break
			}
			if b := s.buckets[at]; !s.retired[b] || s.needed(b, from) {
				there |= 1 << n
			}
		}
		f := s.filters[g]
		for i, h := range hashes {
			may := there
			if f != nil && f.complete {
				may &= f.where(h)
			}
			for ; may != 0; may &= may - 1 {
				bucket := g*perGroup + uint32(bits.TrailingZeros64(may))
				ask, who = append(ask, journal.Ask{Bucket: bucket, Hash: h}), append(who, owner[i])
			}
		}
	}
	return ask, who
}

// mark is an identity to remember.
type mark struct {
	hash   journal.Hash
	bucket uint32
	first  seen
}

// remember adds marks to the step and to the filters. They go in the order of
// their hashes: neighbours in the store cost less.
func (s *Stage) remember(b *stage.Batch, marks []mark) {
	slices.SortFunc(marks, func(x, y mark) int { return bytes.Compare(x.hash[:], y.hash[:]) })
	value := make([]byte, 0, 2*binary.MaxVarintLen64)
	for _, m := range marks {
		b.Tx.Mark(s.ns, m.bucket, m.hash, m.first.encode(value[:0]))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range marks {
		if g, n := group(m.bucket); s.filters[g] != nil {
			s.filters[g].add(m.hash, n)
		}
	}
}

// decide ends the duplicates and remembers the rest.
func (s *Stage) decide(b *stage.Batch, hashes []journal.Hash, owner []int, earlier map[int]seen) {
	inBatch := make(map[journal.Hash]seen, len(hashes))
	marks := make([]mark, 0, len(hashes))
	for k := 0; k < len(hashes); {
		i := owner[k]
		end := k
		for end < len(owner) && owner[end] == i {
			end++
		}
		it := &b.Items[i]
		first, dup := earlier[i]
		for m := k; m < end && !dup; m++ {
			first, dup = inBatch[hashes[m]]
		}
		if dup {
			it.End(journal.Duplicate, "dedup", fmt.Sprintf("of %s/%d event %d", it.Event.Source, first.offset, first.index))
		}
		// A duplicate's other identities are remembered too: whichever of them
		// comes next is the same fact.
		me := seen{it.Event.RawOffset, it.Event.RawIndex}
		if dup {
			me = first
		}
		received := it.Event.ReceivedAt
		if b.Retried && b.Now.After(received) {
			// Nothing holds the bucket of that time any longer, and the same fact may
			// come out of another dead letter soon.
			received = b.Now
		}
		bucket := s.bucket(received, b.Now)
		for m := k; m < end; m++ {
			if _, known := inBatch[hashes[m]]; known || (dup && end-k == 1) {
				continue
			}
			inBatch[hashes[m]] = me
			marks = append(marks, mark{hashes[m], bucket, me})
		}
		k = end
	}
	s.remember(b, marks)
}

// bucket is the one that takes the marks of a time of receipt.
func (s *Stage) bucket(received, now time.Time) uint32 {
	n := uint32(max(0, received.UnixNano()/int64(s.width)))
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := slices.BinarySearch(s.buckets, n)
	if ok {
		return n
	}
	g, _ := group(n)
	first, _ := slices.BinarySearch(s.buckets, g*perGroup)
	alone := first == len(s.buckets) || s.buckets[first]/perGroup != g
	if at > first && s.filters[g] != nil && s.filters[g].full() {
		before := s.buckets[at-1]
		s.layout.stretch(before, n)
		return before
	}
	s.buckets = slices.Insert(s.buckets, at, n)
	if !s.needed(n, now) {
		s.retired[n] = true // the pipeline is behind by more than a window
	}
	if alone {
		s.addFilter(g, now)
	}
	return n
}

// addFilter gives a group its filter, unless there are enough for groups that are
// nearer to the present. The group has no bucket yet: a new filter lacks nothing.
func (s *Stage) addFilter(g uint32, now time.Time) {
	size := 0
	if before := s.filters[g-1]; before != nil {
		size = before.enough()
	}
	s.filters[g] = newFilter(true, size)
	if len(s.filters) > maxFilters {
		delete(s.filters, s.farthest(now))
	}
}

// farthest is the group with a filter that is farthest from the present.
func (s *Stage) farthest(now time.Time) uint32 {
	present := now.UnixNano() / int64(s.width) / perGroup
	away := func(g uint32) int64 { return max(int64(g)-present, present-int64(g)) }
	return slices.MaxFunc(slices.Collect(maps.Keys(s.filters)), func(a, b uint32) int { return cmp.Compare(away(a), away(b)) })
}

// expire retires the bucket that ended first if all of it lies outside the
// window, and drops those that no request needs any more.
func (s *Stage) expire(b *stage.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.keepLayout(b.Tx)
	s.retire(b.Now)
	if len(s.retired) == 0 || s.now().Sub(s.neededAt).Abs() < neededFor {
		return nil
	}
	from := oldest(b)
	if b.Oldest != nil {
		waits, err := b.Oldest(b.Now)
		if err != nil {
			return fmt.Errorf("dedup: %w", err)
		}
		if waits.Before(from) {
			from = waits
		}
	}
	for _, n := range slices.SortedFunc(maps.Keys(s.retired), s.layout.compareEnds) {
		if s.needed(n, from) {
			s.neededAt = s.now()
			break
		}
		s.drop(b.Tx, n)
	}
	return nil
}

func (s *Stage) drop(tx *journal.Tx, bucket uint32) {
	tx.DropBucket(s.ns, bucket)
	delete(s.retired, bucket)
	delete(s.layout.Ends, bucket)
	s.buckets = slices.DeleteFunc(s.buckets, func(n uint32) bool { return n == bucket })
	g, _ := group(bucket)
	if !slices.ContainsFunc(s.buckets, func(n uint32) bool { return n/perGroup == g }) {
		delete(s.filters, g)
	}
}

// neededFor is how long nobody is asked whether retired buckets are still needed
// after the answer was yes: it takes a look at each lane's next request.
const neededFor = time.Second

func (s *Stage) retire(now time.Time) {
	if len(s.buckets)-len(s.retired) < 2 || (!s.retiredAt.IsZero() && s.now().Sub(s.retiredAt) < s.width/2) {
		return
	}
	live := slices.DeleteFunc(slices.Clone(s.buckets), func(n uint32) bool { return s.retired[n] })
	if first := slices.MinFunc(live, s.layout.compareEnds); !s.needed(first, now) {
		s.retired[first], s.retiredAt = true, s.now()
	}
}
