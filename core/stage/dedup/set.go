package dedup

import (
	"iter"
	"math/bits"
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
