package dedup

import (
	"encoding/binary"
	"math/bits"

	"github.com/patchbay-io/patchbay/core/journal"
)

// filter answers for a group of buckets, from memory, which of them may hold an
// identity; most often none. It only saves lookups: what it calls new is new in the
// buckets that it holds every mark of (group.filled); what it does not, and every
// other bucket, is looked up in the journal (I6).
//
// It begins small, so that a quiet pipeline takes little memory, or with the size
// that would have done for the group before it, and grows part by part. With its
// last part it is full, whatever the window (I12): more and more new identities
// are looked up in vain, in more and more buckets.
type filter struct {
	parts []part
}

// partKeys is how many keys a part takes, by its size; then the next one begins.
var partKeys = [...]int{42 << 10, 683 << 10, 5461 << 10}

// A part has anyBits bits a key to say that no bucket holds an identity, which is
// wrong once in 1,000, and columnBits to say which of them may. At 10 million keys
// that is 75 MiB for the four filters that there may be.
const (
	anyBits    = 16
	columnBits = 12
)

// newFilter returns a filter with a part of one of the sizes.
func newFilter(size int) *filter { return &filter{parts: []part{newPart(size)}} }

// add remembers that the group's bucket of that number, below perGroup, holds h.
func (f *filter) add(h journal.Hash, bucket uint32) {
	p := &f.parts[len(f.parts)-1]
	if p.full() && p.size+1 < len(partKeys) {
		f.parts = append(f.parts, newPart(p.size+1))
		p = &f.parts[len(f.parts)-1]
	}
	p.add(h, bucket)
}

// size is that of the last part.
func (f *filter) size() int { return f.parts[len(f.parts)-1].size }

// enough is the smallest size of a part that would have taken all of f's keys.
func (f *filter) enough() int {
	keys := 0
	for i := range f.parts {
		keys += f.parts[i].keys
	}
	size := 0
	for size+1 < len(partKeys) && keys > partKeys[size] {
		size++
	}
	return size
}

// full reports whether the filter holds as much as it is made for.
func (f *filter) full() bool { return f.size()+1 == len(partKeys) && f.parts[len(f.parts)-1].full() }

// where returns the buckets that may hold h: none only for an identity that was never
// added.
func (f *filter) where(h journal.Hash) (w set) {
	for i := range f.parts {
		if p := &f.parts[i]; p.any.mayHold(h) {
			p.columns.where(h, &w)
		}
	}
	return w
}

// part is a fixed amount of memory: any says quickly that no bucket holds an
// identity, columns which of them may.
type part struct {
	size    int // in partKeys
	keys    int // added so far
	any     bloom
	columns columns
}

func newPart(size int) part {
	keys := partKeys[size]
	return part{size: size, any: newBloom(keys * anyBits / 8), columns: make(columns, keys*columnBits/perGroup)}
}

func (p *part) full() bool { return p.keys >= partKeys[p.size] }

func (p *part) add(h journal.Hash, bucket uint32) {
	p.keys++
	p.any.add(h)
	p.columns.add(h, bucket)
}

// columns are perGroup Bloom filters side by side, one a bucket: filter n is number n
// in every set. One look at an identity's sets answers for all of them.
type columns []set

// looks is how many sets an identity has. A bucket with its share of a group's keys
// is taken for one that holds an identity wrongly once in 150.
const looks = 4

// places are those of h. They are taken from other bits than those of bloom.
func (c columns) places(h journal.Hash) (at [looks]uint64) {
	a, b := binary.LittleEndian.Uint64(h[:]), binary.LittleEndian.Uint64(h[8:])
	a, b = bits.RotateLeft64(a, 17)^b*0x9e3779b97f4a7c15, b|1
	for i := range at {
		at[i], _ = bits.Mul64(a, uint64(len(c)))
		a += bits.RotateLeft64(b, 29) * 0xbf58476d1ce4e5b9
	}
	return at
}

func (c columns) add(h journal.Hash, bucket uint32) {
	for _, at := range c.places(h) {
		c[at].add(bucket)
	}
}

// where adds the buckets that may hold h to w.
func (c columns) where(h journal.Hash, w *set) {
	at := c.places(h)
	all := c[at[0]]
	for _, at := range at[1:] {
		all = all.and(c[at])
	}
	*w = w.or(all)
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
