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
// live marks a mark costs a tenth less than with a quarter of the buckets.
//
// Most events are new. That they are is answered from memory, by a filter a group
// of buckets, half a window wide (group.go, filter.go), so that the cost of an event
// hardly grows with the number of identities remembered. The filter also says in
// which of the buckets to look for the others. It goes with the last bucket of its
// group: none is ever built anew while events pass. Once a filter is full the rest
// of its group is one bucket, because every identity is looked for in each of them
// then.
//
// Buckets go by the time of receipt, never by the provider's time (F23). A clock
// that jumps forward makes the stage forget a few buckets, not all: no more of them
// are retired than twice what has passed since the last time, and at most four at
// once (F24). A retired bucket is looked into for requests that were received within
// a window of it, and dropped once none of these waits any more: however far a
// pipeline is behind, what was repeated within the window counts once. A dead letter
// that is tried again does not wait in that sense: it may be months old. What comes
// of it is remembered from then on.
//
// A bucket's number says when it began only together with its width. So that a
// window can be changed, the width is kept with the marks, and so is the end of
// each bucket that is wider, or that another width made (layout.go).
package dedup

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
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

	mu     sync.Mutex
	groups groups
	layout layout
	// unsaved says that the layout may be another than the journal's.
	unsaved bool
	// When buckets were retired last, when the next is due by the pipeline's clock, and
	// when retired ones were last found to be needed still.
	retiredAt, due, neededAt time.Time
}

// minWidth keeps the numbers of buckets within 32 bits until 2106. A window of
// less than perWindow seconds has fewer buckets.
const minWidth = time.Second

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
	s := &Stage{j: j, ns: ns, now: now, window: window, width: width, found: bs, layout: l, unsaved: true}
	for _, b := range bs {
		number, n := place(b)
		g := s.groups.get(number)
		if g == nil {
			g = s.groups.add(number)
			s.groups.addFilter(g, 0, s.present(now()))
		}
		g.held.add(n)
	}
	return s, nil
}

// present is the number of the group of a time.
func (s *Stage) present(now time.Time) int64 { return now.UnixNano() / int64(s.width) / perGroup }

// Run fills the filters of the buckets that were there at the start, and
// returns. The stage works without, only slower.
func (s *Stage) Run(ctx context.Context) error {
	for _, bucket := range s.found {
		if err := s.fill(ctx, bucket); err != nil {
			return fmt.Errorf("dedup: fill filter: %w", err)
		}
	}
	return nil
}

// fill adds a bucket's marks to its group's filter. Marks that are made meanwhile
// are added by those who make them.
func (s *Stage) fill(ctx context.Context, bucket uint32) error {
	const step = 4096
	number, n := place(bucket)
	hashes := make([]journal.Hash, 0, step)
	add := func() (more bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		g := s.groups.get(number)
		if g == nil || g.filter == nil || !g.held.has(n) || ctx.Err() != nil {
			return false // it is needed no more
		}
		for _, h := range hashes {
			g.filter.add(h, n)
		}
		hashes = hashes[:0]
		return true
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
	if g := s.groups.get(number); g != nil && g.filter != nil && g.held.has(n) {
		g.filled.add(n)
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
// time on: each hash in each bucket that may hold it. A bucket whose marks are not
// all in a filter may hold any.
func (s *Stage) unsure(hashes []journal.Hash, owner []int, from time.Time) (ask []journal.Ask, who []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.groups {
		there := g.held
		for n := range g.retired.all() {
			if !s.needed(g.bucket(n), from) {
				there.remove(n)
			}
		}
		filled, others := there.and(g.filled), there.without(g.filled)
		for i, h := range hashes {
			for n := range others.or(g.where(h).and(filled)).all() {
				ask, who = append(ask, journal.Ask{Bucket: g.bucket(n), Hash: h}), append(who, owner[i])
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
		number, n := place(m.bucket)
		if g := s.groups.get(number); g != nil && g.filter != nil {
			g.filter.add(m.hash, n)
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
	b := uint32(max(0, received.UnixNano()/int64(s.width)))
	number, n := place(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups.get(number)
	switch {
	case g == nil:
		g = s.groups.add(number)
		size := 0
		if before := s.groups.get(number - 1); before != nil && before.filter != nil {
			size = before.filter.enough()
		}
		s.groups.addFilter(g, size, s.present(now))
	case g.held.has(n):
		return b
	case g.filter != nil && g.filter.full():
		if before, ok := g.held.before(n); ok {
			s.layout.stretch(g.bucket(before), b)
			s.unsaved = true
			return g.bucket(before)
		}
	}
	g.held.add(n)
	if g.filter != nil {
		g.filled.add(n)
	}
	if !s.needed(b, now) {
		g.retired.add(n) // the pipeline is behind by more than a window
	} else if end := s.layout.end(b).Add(s.window); end.Before(s.due) {
		s.due = end
	}
	return b
}

// expire retires the buckets that ended first if all of them lies outside the
// window, and drops those that no request needs any more.
func (s *Stage) expire(b *stage.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.keepLayout(b.Tx)
	s.retire(b.Now)
	if s.now().Sub(s.neededAt).Abs() < neededFor {
		return nil
	}
	retired := slices.SortedFunc(s.groups.buckets(func(g *group) set { return g.retired }), s.layout.compareEnds)
	if len(retired) < dropAtOnce {
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
	gone := retired
	if at := slices.IndexFunc(retired, func(n uint32) bool { return s.needed(n, from) }); at >= 0 {
		s.neededAt = s.now()
		gone = retired[:at]
	}
	if len(gone) >= dropAtOnce {
		s.drop(b.Tx, gone)
	}
	return nil
}

// drop forgets buckets. Neighbours go together; where a number is left out another
// lane may be making that bucket.
func (s *Stage) drop(tx *journal.Tx, buckets []uint32) {
	slices.Sort(buckets)
	for len(buckets) > 0 {
		run := 1
		for run < len(buckets) && buckets[run] == buckets[run-1]+1 {
			run++
		}
		tx.DropBuckets(s.ns, buckets[0], buckets[run-1])
		for _, b := range buckets[:run] {
			s.groups.get(b / perGroup).forget(b % perGroup)
			delete(s.layout.Ends, b)
		}
		buckets = buckets[run:]
	}
	s.groups = slices.DeleteFunc(s.groups, func(g *group) bool { return g.held.empty() })
	s.unsaved = true
}

// neededFor is how long nobody is asked whether retired buckets are still needed
// after the answer was yes: it takes a look at each lane's next request.
const neededFor = time.Second

// dropAtOnce is how many buckets are dropped at once at least, a thirtieth of a
// window: each deletion of a range makes every lookup dearer until the store has
// written it to a table.
const dropAtOnce = 16

// maxRetired is how many buckets are retired at once, a hundredth of a window.
const maxRetired = 4

// retire retires the buckets that ended first, as far as all of them lies outside the
// window by now.
func (s *Stage) retire(now time.Time) {
	if now.Before(s.due) {
		return
	}
	most := 1
	if !s.retiredAt.IsZero() {
		most = int(min(s.now().Sub(s.retiredAt)/(s.width/2), maxRetired))
	}
	if most < 1 {
		return
	}
	live := slices.SortedFunc(s.groups.buckets((*group).live), s.layout.compareEnds)
	for ; len(live) > 1 && most > 0 && !s.needed(live[0], now); live, most = live[1:], most-1 {
		number, n := place(live[0])
		s.groups.get(number).retired.add(n)
		s.retiredAt = s.now()
	}
	if len(live) > 0 {
		s.due = s.layout.end(live[0]).Add(s.window)
	}
}

// keepLayout adds the layout to a step, unless it is there already: a step that
// did not happen leaves it to the next.
func (s *Stage) keepLayout(tx *journal.Tx) {
	if !s.unsaved {
		return
	}
	maps.DeleteFunc(s.layout.Ends, func(b uint32, _ int64) bool {
		number, n := place(b)
		g := s.groups.get(number)
		return g == nil || !g.held.has(n)
	})
	name := layoutName(s.ns)
	v := s.layout.encode()
	if bytes.Equal(v, s.j.Cursor(name).Extra) {
		s.unsaved = false
		return
	}
	tx.SetCursor(name, journal.Cursor{Extra: v})
}
