package dedup

import (
	"cmp"
	"iter"
	"math/bits"
	"slices"
	"time"

	"github.com/patchbay-io/patchbay/core/journal"
)

// perWindow is how many buckets make a window, perGroup how many share a filter.
const (
	perWindow = 2 * perGroup
	perGroup  = 256
)

// place is the group of a bucket, and the bucket's number in it.
func place(bucket uint32) (group, n uint32) { return bucket / perGroup, bucket % perGroup }

// set is a set of the buckets of a group.
type set [perGroup / 64]uint64

func (s *set) add(n uint32)      { s[n/64] |= 1 << (n % 64) }
func (s *set) remove(n uint32)   { s[n/64] &^= 1 << (n % 64) }
func (s *set) has(n uint32) bool { return s[n/64]>>(n%64)&1 != 0 }
func (s *set) empty() bool       { return *s == set{} }

// count is how many buckets are in s.
func (s *set) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// and is what lies in both.
func (s set) and(other set) set {
	for i := range s {
		s[i] &= other[i]
	}
	return s
}

// or is what lies in either.
func (s set) or(other set) set {
	for i := range s {
		s[i] |= other[i]
	}
	return s
}

// without is what lies in s alone.
func (s set) without(other set) set {
	for i := range s {
		s[i] &^= other[i]
	}
	return s
}

// all yields the numbers in s, in order.
func (s set) all() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i, w := range s {
			for ; w != 0; w &= w - 1 {
				if !yield(uint32(i*64 + bits.TrailingZeros64(w))) {
					return
				}
			}
		}
	}
}

// before is the greatest number in s below n.
func (s *set) before(n uint32) (before uint32, ok bool) {
	for i := int(n / 64); i >= 0; i-- {
		w := s[i]
		if i == int(n/64) {
			w &= 1<<(n%64) - 1
		}
		if w != 0 {
			return uint32(i*64 + bits.Len64(w) - 1), true
		}
	}
	return 0, false
}

// group is what is known of neighbouring buckets.
type group struct {
	number  uint32
	held    set     // those that hold marks
	retired set     // those of them that only a pipeline that is behind needs
	filled  set     // those of them all of whose marks are in the filter
	filter  *filter // nil if there are enough others
}

func (g *group) bucket(n uint32) uint32 { return g.number*perGroup + n }

// live are the buckets that are not retired.
func (g *group) live() set { return g.held.without(g.retired) }

// where is what the filter says; of buckets that are not filled it says nothing.
func (g *group) where(h journal.Hash) (w set, ok bool) {
	if g.filter == nil {
		return w, false
	}
	return g.filter.where(h)
}

// forget takes a bucket out whose marks are gone.
func (g *group) forget(n uint32) {
	g.held.remove(n)
	g.retired.remove(n)
	g.filled.remove(n)
}

// dropFilter makes the group one whose identities are looked up in the journal.
func (g *group) dropFilter() { g.filter, g.filled = nil, set{} }

func compareGroups(g *group, number uint32) int { return cmp.Compare(g.number, number) }

// group returns the group of that number, nil if none of its buckets holds marks.
func (s *Stage) group(number uint32) *group {
	if at, ok := slices.BinarySearchFunc(s.groups, number, compareGroups); ok {
		return s.groups[at]
	}
	return nil
}

// addGroup adds a group without buckets.
func (s *Stage) addGroup(number uint32) *group {
	g := &group{number: number}
	at, _ := slices.BinarySearchFunc(s.groups, number, compareGroups)
	s.groups = slices.Insert(s.groups, at, g)
	return g
}

// addFilter gives a group a filter of one of the sizes, unless there are enough for
// groups that are nearer to the present.
func (s *Stage) addFilter(g *group, size int, now time.Time) {
	g.filter = newFilter(size)
	present := now.UnixNano() / int64(s.width) / perGroup
	away := func(g *group) int64 { return max(int64(g.number)-present, present-int64(g.number)) }
	var filters int
	farthest := g
	for _, other := range s.groups {
		if other.filter == nil {
			continue
		}
		filters++
		if away(other) > away(farthest) {
			farthest = other
		}
	}
	if filters > maxFilters {
		farthest.dropFilter()
	}
}

// buckets yields the numbers of those buckets of all groups that which says.
func (s *Stage) buckets(which func(*group) set) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for _, g := range s.groups {
			for n := range which(g).all() {
				if !yield(g.bucket(n)) {
					return
				}
			}
		}
	}
}
