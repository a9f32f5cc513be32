// Package dedup ends events that were seen before: the stage `dedup`.
//
// An event is a duplicate if its ID or one of its further identities was
// remembered within the window (I6). Identities are remembered as 128-bit keyed
// hashes in time buckets half a window wide, so that what is too old is
// forgotten a bucket at a time; the memory for an identity is thus at least one
// window and at most one and a half. The marks are part of the same step as the
// events they let pass (I7), and survive restarts.
//
// Most events are new. That they are is answered from memory (filter.go), so that
// the cost of an event does not grow with the number of identities remembered.
//
// Buckets go by the time of receipt, never by the provider's time (F23). A clock
// that jumps forward makes the stage forget one bucket, not all: buckets are
// dropped one at a time and not more often than once in half their width (F24).
package dedup

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
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
	width  time.Duration
	window time.Duration

	refill chan struct{} // asks Run to build the filter anew

	mu       sync.Mutex
	buckets  []uint32 // that hold marks, oldest first
	dropped  time.Time
	everDrop bool
	filter   *filter // nil until it holds every live mark
	next     *filter // being built by Run; gets every new mark too
	// last holds, by source, the hashes of the batch that a lane may not have
	// committed yet: a filter being built cannot find them in the journal.
	last map[string][]journal.Hash
}

// New returns the stage for a namespace, which is the pipeline's own number.
func New(j *journal.Journal, ns uint32, window time.Duration) (*Stage, error) {
	if window < time.Second {
		return nil, fmt.Errorf("dedup: window %s is below a second", window)
	}
	bs, err := j.Buckets(ns)
	if err != nil {
		return nil, fmt.Errorf("dedup: %w", err)
	}
	s := &Stage{
		j: j, ns: ns, window: window, width: window / 2, buckets: bs,
		refill: make(chan struct{}, 1), last: map[string][]journal.Hash{},
	}
	if len(bs) == 0 {
		s.filter = newFilter()
	} else {
		s.refill <- struct{}{}
	}
	return s, nil
}

// Run keeps the filter up to date until ctx ends: it builds it from the journal
// after a restart, and anew when a bucket was dropped, since a Bloom filter
// forgets nothing. The stage works without, only slower.
func (s *Stage) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.refill:
		}
		if err := s.build(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("dedup: build filter: %w", err)
		}
	}
}

func (s *Stage) build(ctx context.Context) error {
	f := newFilter()
	s.mu.Lock()
	s.next = f
	for _, hs := range s.last {
		for _, h := range hs {
			f.add(h)
		}
	}
	s.mu.Unlock()
	n := 0
	err := s.j.EachMark(s.ns, func(h journal.Hash) bool {
		s.mu.Lock()
		f.add(h)
		s.mu.Unlock()
		n++
		return n%4096 != 0 || ctx.Err() == nil
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = nil
	if err == nil && ctx.Err() == nil {
		s.filter = f
	}
	return err
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
func (s *Stage) Apply(b *stage.Batch) error {
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
	ask, who := s.unsure(hashes, owner)
	err := s.j.Marks(s.ns, s.live(), ask, func(k int, v []byte) {
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

// unsure leaves out the hashes that were certainly never remembered.
func (s *Stage) unsure(hashes []journal.Hash, owner []int) (ask []journal.Hash, who []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.filter == nil {
		return hashes, owner
	}
	for i, h := range hashes {
		if s.filter.mayHold(h) {
			ask, who = append(ask, h), append(who, owner[i])
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
	hashes := make([]journal.Hash, len(marks))
	for i, m := range marks {
		hashes[i] = m.hash
		b.Tx.Mark(s.ns, m.bucket, m.hash, m.first.encode(value[:0]))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range [...]*filter{s.filter, s.next} {
		if f == nil {
			continue
		}
		for _, h := range hashes {
			f.add(h)
		}
	}
	s.last[b.Items[0].Event.Source] = hashes
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
		bucket := s.bucket(it.Event.ReceivedAt)
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

func (s *Stage) bucket(received time.Time) uint32 {
	n := uint32(max(0, received.UnixNano()/int64(s.width)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := slices.BinarySearch(s.buckets, n); !ok {
		s.buckets = slices.Insert(s.buckets, at, n)
	}
	return n
}

func (s *Stage) live() []uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.buckets)
}

// expire drops the oldest bucket if all of it lies outside the window.
func (s *Stage) expire(b *stage.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.buckets) < 2 || (s.everDrop && time.Since(s.dropped) < s.width/2) {
		return nil
	}
	end := time.Unix(0, (int64(s.buckets[0])+1)*int64(s.width))
	if b.Now.Sub(end) <= s.window {
		return nil
	}
	b.Tx.DropBucket(s.ns, s.buckets[0])
	s.buckets = s.buckets[1:]
	s.dropped, s.everDrop = time.Now(), true
	select {
	case s.refill <- struct{}{}:
	default:
	}
	return nil
}
