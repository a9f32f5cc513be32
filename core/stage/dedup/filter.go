package dedup

import (
	"encoding/binary"
	"math/bits"

	"github.com/patchbay-io/patchbay/core/journal"
)

// filter answers for a group of buckets, from memory, which of them may hold an
// identity; most often none. It only saves lookups: what it calls new is new,
// because it holds every mark of its group; what it does not is looked up in the
// journal (I6).
//
// It begins small and grows once, by a second, larger part, so that a quiet
// pipeline takes little memory; it begins large where the group before it became
// so. Beyond that it is full, whatever the window (I12): more and more new
// identities are looked up in vain, in more and more buckets.
type filter struct {
	complete bool // holds every mark of its group
	keys     int  // added so far
	small    part // empty if the filter began large
	large    part // empty until small is full
}

// The sizes of a filter's parts; a part has as much again for its columns. With
// 12 bits a key about one new identity in 150 is taken for a possible repeat.
const (
	smallBytes = 1 << 20
	largeBytes = 8 << 20
	bitsPerKey = 12
	smallKeys  = smallBytes * 8 / bitsPerKey
	largeKeys  = largeBytes * 8 / bitsPerKey
)

// newFilter returns a filter that is complete as long as its group has no marks.
func newFilter(complete, large bool) *filter {
	f := &filter{complete: complete}
	if large {
		f.large = newPart(largeBytes)
	} else {
		f.small = newPart(smallBytes)
	}
	return f
}

// add remembers that the group's bucket of that number, below perGroup, holds h.
func (f *filter) add(h journal.Hash, bucket uint32) {
	f.keys++
	if f.small.any != nil && f.keys <= smallKeys {
		f.small.add(h, bucket)
		return
	}
	if !f.isLarge() {
		f.large = newPart(largeBytes)
	}
	f.large.add(h, bucket)
}

func (f *filter) isLarge() bool { return f.large.any != nil }

// full reports whether the filter holds more than it is made for.
func (f *filter) full() bool { return f.keys >= largeKeys }

// where returns the buckets that may hold h, bit n for bucket n of the group; 0
// only for an identity that was never added.
func (f *filter) where(h journal.Hash) (w uint64) {
	if f.small.any != nil {
		w = f.small.where(h)
	}
	if f.isLarge() {
		w |= f.large.where(h)
	}
	return w
}

// part is a fixed amount of memory: any says quickly that no bucket holds an
// identity, columns which of them may.
type part struct {
	any     bloom
	columns columns
}

func newPart(bytes int) part { return part{newBloom(bytes), make(columns, bytes/8)} }

func (p part) add(h journal.Hash, bucket uint32) {
	p.any.add(h)
	p.columns.add(h, bucket)
}

func (p part) where(h journal.Hash) uint64 {
	if !p.any.mayHold(h) {
		return 0
	}
	return p.columns.where(h)
}

// columns are perGroup Bloom filters side by side, one a bucket: filter n is bit
// n of every word. One look at an identity's words answers for all of them.
type columns []uint64

// looks is how many words an identity has. A bucket with its share of a group's
// keys is taken for one that holds an identity wrongly once in 100.
const looks = 3

// words calls each for the places of h, until it returns false. They are taken
// from other bits than those of bloom.
func (c columns) words(h journal.Hash, each func(*uint64) bool) {
	a, b := binary.LittleEndian.Uint64(h[:]), binary.LittleEndian.Uint64(h[8:])
	a, b = bits.RotateLeft64(a, 17)^b*0x9e3779b97f4a7c15, b|1
	for range looks {
		at, _ := bits.Mul64(a, uint64(len(c)))
		if !each(&c[at]) {
			return
		}
		a += bits.RotateLeft64(b, 29) * 0xbf58476d1ce4e5b9
	}
}

func (c columns) add(h journal.Hash, bucket uint32) {
	c.words(h, func(w *uint64) bool { *w |= 1 << bucket; return true })
}

func (c columns) where(h journal.Hash) uint64 {
	all := ^uint64(0)
	c.words(h, func(w *uint64) bool { all &= *w; return all != 0 })
	return all
}

// bloom is a Bloom filter in blocks of one cache line. The hash is keyed and
// uniform: its own bits serve.
type bloom [][8]uint64

func newBloom(bytes int) bloom { return make(bloom, bytes/64) }

// at returns the block of h, and eight bits of it, one in each word.
func (f bloom) at(h journal.Hash) (*[8]uint64, uint64) {
	a, b := binary.LittleEndian.Uint64(h[:]), binary.LittleEndian.Uint64(h[8:])
	return &f[a%uint64(len(f))], b
}

func (f bloom) add(h journal.Hash) {
	block, set := f.at(h)
	for i := range block {
		block[i] |= 1 << (set >> (6 * i) & 63)
	}
}

// mayHold has no branches: the memory of the next identity is fetched while that
// of this one is waited for.
func (f bloom) mayHold(h journal.Hash) bool {
	block, set := f.at(h)
	all := block[0] >> (set & 63)
	all &= block[1] >> (set >> 6 & 63)
	all &= block[2] >> (set >> 12 & 63)
	all &= block[3] >> (set >> 18 & 63)
	all &= block[4] >> (set >> 24 & 63)
	all &= block[5] >> (set >> 30 & 63)
	all &= block[6] >> (set >> 36 & 63)
	all &= block[7] >> (set >> 42 & 63)
	return all&1 != 0
}
