package staged

import (
	"encoding/binary"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/patchbay-io/patchbay/sdk"
)

// Summary helps to find the chunk in which a message's events are.
type Summary struct {
	Source string
	// FirstRaw and LastRaw are the offsets of the requests that the chunk's
	// entries came from.
	FirstRaw, LastRaw uint64
	bits              []byte
}

const (
	summaryVersion = 1
	bitsPerKey     = 12
	probes         = 7 // one false positive in about 300 keys
)

// Builder collects the keys of a chunk.
type Builder struct {
	source      string
	first, last uint64
	hashes      []uint64
}

// Reset starts a new chunk of a source.
func (b *Builder) Reset(source string) { *b = Builder{source: source, hashes: b.hashes[:0]} }

// Add adds an event under every id that people ask for.
func (b *Builder) Add(e *sdk.Event) {
	if len(b.hashes) == 0 || e.RawOffset < b.first {
		b.first = e.RawOffset
	}
	b.last = max(b.last, e.RawOffset)
	b.hashes = append(b.hashes, xxhash.Sum64(e.ID[:]))
	for _, s := range [...]string{e.MessageID, e.Recipient, e.CustomerID, e.ConversationID} {
		if s != "" {
			b.hashes = append(b.hashes, hashText(s))
		}
	}
}

// hashText folds case: people type addresses as they like.
func hashText(s string) uint64 {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			return xxhash.Sum64String(strings.ToLower(s))
		}
	}
	return xxhash.Sum64String(s)
}

// Encode returns the summary.
func (b *Builder) Encode() []byte {
	n := max(64, len(b.hashes)*bitsPerKey)
	out := append(make([]byte, 0, 32+len(b.source)+n/8), summaryVersion)
	out = appendText(out, b.source)
	out = binary.AppendUvarint(out, b.first)
	out = binary.AppendUvarint(out, b.last)
	at := len(out)
	out = append(out, make([]byte, (n+7)/8)...)
	bits := out[at:]
	for _, h := range b.hashes {
		eachBit(h, len(bits)*8, func(i uint64) bool {
			bits[i/8] |= 1 << (i % 8)
			return true
		})
	}
	return out
}

// eachBit calls each for the bits of h among n, until it returns false.
func eachBit(h uint64, n int, each func(uint64) bool) {
	step := h>>33 | h<<31 | 1
	for range probes {
		if !each(h % uint64(n)) {
			return
		}
		h += step
	}
}

// ParseSummary reads what Encode wrote.
func ParseSummary(v []byte) (Summary, error) {
	var s Summary
	if len(v) == 0 || v[0] != summaryVersion {
		return s, ErrMalformed
	}
	var err error
	if s.Source, v, err = text(v[1:]); err != nil {
		return s, err
	}
	for _, p := range []*uint64{&s.FirstRaw, &s.LastRaw} {
		n, w := binary.Uvarint(v)
		if w <= 0 {
			return s, ErrMalformed
		}
		*p, v = n, v[w:]
	}
	if len(v) == 0 {
		return s, ErrMalformed
	}
	s.bits = v
	return s, nil
}

// MayHold reports whether an entry of the chunk may have that id: an event id,
// a message id, a recipient, a customer or a conversation.
func (s *Summary) MayHold(id string) bool {
	if s.has(hashText(id)) {
		return true
	}
	if eid, err := sdk.ParseID(strings.ToLower(id)); err == nil {
		return s.has(xxhash.Sum64(eid[:]))
	}
	return false
}

func (s *Summary) has(h uint64) bool {
	found := true
	eachBit(h, len(s.bits)*8, func(i uint64) bool {
		found = s.bits[i/8]&(1<<(i%8)) != 0
		return found
	})
	return found
}

// Matches reports whether e has that id, exactly.
func Matches(e *sdk.Event, id string) bool {
	for _, s := range [...]string{e.MessageID, e.Recipient, e.CustomerID, e.ConversationID, e.ID.String()} {
		if s != "" && strings.EqualFold(s, id) {
			return true
		}
	}
	return false
}
