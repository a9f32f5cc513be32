package dedup

import (
	"encoding/binary"

	"github.com/patchbay-io/patchbay/core/journal"
)

// filter answers "was this identity certainly never remembered?" from memory: a
// Bloom filter in blocks of one cache line. It only saves lookups: what it calls
// new is new, because it holds every live mark; what it does not is looked up in
// the journal (I6).
//
// Its size is fixed, whatever the window (I12): at ten million identities about
// one new one in two hundred is looked up in vain, far beyond that most are, and
// the stage slows down to the journal's speed.
type filter struct {
	blocks [][8]uint64
}

const (
	filterBytes  = 16 << 20
	filterBlocks = filterBytes / 64
)

func newFilter() *filter { return &filter{make([][8]uint64, filterBlocks)} }

// at returns the block of h, and eight bits of it, one in each word. The hash is
// keyed and uniform: its own bits serve.
func (f *filter) at(h journal.Hash) (*[8]uint64, uint64) {
	a, b := binary.LittleEndian.Uint64(h[:]), binary.LittleEndian.Uint64(h[8:])
	return &f.blocks[a%filterBlocks], b
}

func (f *filter) add(h journal.Hash) {
	block, bits := f.at(h)
	for i := range block {
		block[i] |= 1 << (bits >> (6 * i) & 63)
	}
}

// mayHold reports false only for an identity that was never added.
func (f *filter) mayHold(h journal.Hash) bool {
	block, bits := f.at(h)
	for i := range block {
		if block[i]&(1<<(bits>>(6*i)&63)) == 0 {
			return false
		}
	}
	return true
}
