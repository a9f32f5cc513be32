package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"sync"
)

// hashFunc is a hash function.
type hashFunc struct {
	name string
	size int
	make func() hash.Hash
}

func compileHash(name string) (hashFunc, error) {
	switch name {
	case "md5":
		return hashFunc{name, md5.Size, md5.New}, nil
	case "sha1":
		return hashFunc{name, sha1.Size, sha1.New}, nil
	case "sha256":
		return hashSHA256(), nil
	case "sha384":
		return hashSHA384(), nil
	case "sha512":
		return hashSHA512(), nil
	}
	return hashFunc{}, fmt.Errorf("hash: %q is unknown: write md5, sha1, sha256, sha384 or sha512", name)
}

func hashSHA256() hashFunc { return hashFunc{"sha256", sha256.Size, sha256.New} }
func hashSHA384() hashFunc { return hashFunc{"sha384", sha512.Size384, sha512.New384} }
func hashSHA512() hashFunc { return hashFunc{"sha512", sha512.Size, sha512.New} }

// mac computes digests, keyed or plain. Hash states are reused: an HMAC that
// was reset once keeps the state behind its padded key, which is half of the
// work of a short text. It may be used concurrently.
type mac struct {
	pool sync.Pool
	size int
}

func newHMAC(h hashFunc, key []byte) *mac {
	key = bytes.Clone(key) // it is read again whenever the pool runs dry
	return &mac{size: h.size, pool: sync.Pool{New: func() any { return hmac.New(h.make, key) }}}
}

func newDigest(h hashFunc) *mac {
	return &mac{size: h.size, pool: sync.Pool{New: func() any { return h.make() }}}
}

// sum appends the digest of the text in segs to dst.
func (m *mac) sum(dst []byte, segs [][]byte) []byte {
	h := m.pool.Get().(hash.Hash)
	h.Reset()
	for _, seg := range segs {
		h.Write(seg) // a hash.Hash never fails
	}
	dst = h.Sum(dst)
	m.pool.Put(h)
	return dst
}
