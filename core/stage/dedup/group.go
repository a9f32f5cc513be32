package dedup

import (
	"cmp"
	"iter"
	"slices"

	"github.com/patchbay-io/patchbay/core/journal"
)

// maxFilters bounds the groups that have a filter: three lie within the window,
// one more is being filled or dropped. A clock that jumps about and a pipeline
// that is behind make more groups; what is farthest from the present is looked up
// in the journal (I12).
const maxFilters = 4

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
func (g *group) where(h journal.Hash) (w set) {
	if g.filter == nil {
		return w
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

// groups are those whose buckets hold marks, in the order of their numbers.
type groups []*group

func compareGroups(g *group, number uint32) int { return cmp.Compare(g.number, number) }

// get returns the group of that number, nil if there is none.
func (gs groups) get(number uint32) *group {
	if at, ok := slices.BinarySearchFunc(gs, number, compareGroups); ok {
		return gs[at]
	}
	return nil
}

// add makes a group without buckets.
func (gs *groups) add(number uint32) *group {
	g := &group{number: number}
	at, _ := slices.BinarySearchFunc(*gs, number, compareGroups)
	*gs = slices.Insert(*gs, at, g)
	return g
}

// addFilter gives a group a filter of one of the sizes, unless there are enough for
// groups that are nearer to the one of the present.
func (gs groups) addFilter(g *group, size int, present int64) {
	g.filter = newFilter(size)
	away := func(g *group) int64 { return max(int64(g.number)-present, present-int64(g.number)) }
	filters, farthest := 0, g
	for _, other := range gs {
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
func (gs groups) buckets(which func(*group) set) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for _, g := range gs {
			for n := range which(g).all() {
				if !yield(g.bucket(n)) {
					return
				}
			}
		}
	}
}
