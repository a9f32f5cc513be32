package journal

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// Hash is the keyed hash of an identity.
type Hash [16]byte

// HashIdentity hashes an identity with this store's secret key: senders choose
// their ids, and must not be able to make two of them collide here.
func (j *Journal) HashIdentity(parts ...string) Hash {
	buf := make([]byte, 0, 256)
	buf = append(buf, j.hashKey[:]...)
	for _, p := range parts {
		buf = binary.AppendUvarint(buf, uint64(len(p)))
		buf = append(buf, p...)
	}
	sum := sha256.Sum256(buf)
	return Hash(sum[:16])
}

// Ask is a question to Marks: does the bucket hold the identity?
type Ask struct {
	Bucket uint32
	Hash   Hash
}

func (a Ask) compare(b Ask) int {
	return cmp.Or(cmp.Compare(a.Bucket, b.Bucket), bytes.Compare(a.Hash[:], b.Hash[:]))
}

// Marks looks identities up in buckets of a namespace, and calls hit for each
// question whose bucket holds the identity with its value, which is valid during
// the call only, in the order of buckets. The lookup is exact (I6). Each question
// costs a seek, with or without a hit: callers ask where a mark most likely is.
func (j *Journal) Marks(ns uint32, asks []Ask, hit func(i int, value []byte)) error {
	if len(asks) == 0 {
		return nil
	}
	// In key order, one iterator walks forward.
	order := make([]int, len(asks))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return asks[a].compare(asks[b]) })
	bounds := func(bucket uint32) (lower, upper []byte) {
		lower = markBucketPrefix(ns, bucket)
		return lower, upperBound(lower)
	}
	bucket := asks[order[0]].Bucket
	lower, upper := bounds(bucket)
	it, err := j.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return readError("marks", err)
	}
	var key [markKeyLen]byte
	for _, i := range order {
		if b := asks[i].Bucket; b != bucket {
			bucket = b
			it.SetBounds(bounds(b)) // no table of later buckets is opened in vain
		}
		k := appendMarkKey(key[:0], ns, bucket, asks[i].Hash)
		if it.SeekGE(k) && bytes.Equal(it.Key(), k) {
			v, err := it.ValueAndErr()
			if err != nil {
				return errors.Join(readError("marks", err), it.Close())
			}
			hit(i, v)
		} else if err := it.Error(); err != nil {
			// The next seek forgets it: what could not be read is not new (I6).
			return errors.Join(readError("marks", err), it.Close())
		}
	}
	if err := it.Close(); err != nil {
		return readError("marks", err)
	}
	return nil
}

// EachMark calls each for every identity in a bucket, until it returns false.
func (j *Journal) EachMark(ns, bucket uint32, each func(Hash) bool) error {
	lower := markBucketPrefix(ns, bucket)
	return j.scan(lower, upperBound(lower), func(k, _ []byte) (bool, error) {
		if len(k) != markKeyLen {
			return false, fmt.Errorf("%w: %s", ErrCorrupt, describeKey(k))
		}
		return each(Hash(k[markKeyLen-len(Hash{}):])), nil
	})
}

// Buckets lists the buckets of a namespace that hold anything, oldest first.
func (j *Journal) Buckets(ns uint32) ([]uint32, error) {
	lower := binary.BigEndian.AppendUint32([]byte{prefixMark}, ns)
	it, err := j.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upperBound(lower)})
	if err != nil {
		return nil, readError("marks", err)
	}
	defer it.Close()
	var out []uint32
	for ok := it.First(); ok; {
		b := binary.BigEndian.Uint32(it.Key()[5:])
		out = append(out, b)
		if b == ^uint32(0) {
			break
		}
		ok = it.SeekGE(markBucketPrefix(ns, b+1))
	}
	return out, it.Error()
}

// DropBuckets forgets the buckets from first to last.
func (tx *Tx) DropBuckets(ns, first, last uint32) {
	_ = tx.batch.DeleteRange(markBucketPrefix(ns, first), upperBound(markBucketPrefix(ns, last)), nil)
}
