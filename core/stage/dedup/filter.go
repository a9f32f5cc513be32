package dedup

import (
	"encoding/binary"

	"github.com/patchbay-io/patchbay/core/journal"
)

// filter answers "was this identity certainly never remembered in this bucket?"
// from memory. It only saves lookups: what it calls new is new, because it holds
// every mark of its bucket; what it does not is looked up in the journal (I6).
//
// It begins small and grows once, by a second, larger part, so that a quiet
// pipeline takes little memory. Beyond that it is full, whatever the window
// (I12): more and more new identities are looked up in vain, and the stage slows
// down to the journal's speed.
type filter struct {
	complete bool // holds every mark of its bucket
	keys     int  // added so far
	small    bloom
	large    bloom // nil until small is full
}

// The sizes of a filter's parts. With 12 bits a key about one new identity in
// 150 is looked up in vain.
const (
	smallBytes = 1 << 20
	largeBytes = 8 << 20
	bitsPerKey = 12
	smallKeys  = smallBytes * 8 / bitsPerKey
)

func newFilter(complete bool) *filter {
	return &filter{complete: complete, small: newBloom(smallBytes)}
}

func (f *filter) add(h journal.Hash) {
	f.keys++
	if f.keys <= smallKeys {
		f.small.add(h)
		return
	}
	if f.large == nil {
		f.large = newBloom(largeBytes)
	}
	f.large.add(h)
}

// mayHold reports false only for an identity that was never added.
func (f *filter) mayHold(h journal.Hash) bool {
	return f.small.mayHold(h) || f.large != nil && f.large.mayHold(h)
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
	block, bits := f.at(h)
	for i := range block {
		block[i] |= 1 << (bits >> (6 * i) & 63)
	}
}

func (f bloom) mayHold(h journal.Hash) bool {
	block, bits := f.at(h)
	for i := range block {
		if block[i]&(1<<(bits>>(6*i)&63)) == 0 {
			return false
		}
	}
	return true
}
