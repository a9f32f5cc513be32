package journal

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Entry is one record of a log. The journal looks into neither part.
type Entry struct {
	Offset uint64
	Meta   []byte
	Body   []byte
}

// MaxChunk bounds what one chunk holds. A single larger entry gets a chunk of
// its own.
const (
	MaxChunkEntries = 512
	MaxChunkBytes   = 1 << 20
)

const chunkVersion = 1

// A chunk is stored as
//
//	version (1 byte), time (8 bytes, microseconds), count (uvarint),
//	count × { meta length, body length (uvarint), meta },
//	bodies, one after the other
//
// so that the bodies of neighbouring entries can be forwarded as one slice.

// appendChunk encodes entries; the offsets are implied by the key.
func appendChunk(b []byte, at time.Time, entries []Entry) []byte {
	b = append(b, chunkVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(at.UnixMicro()))
	b = binary.AppendUvarint(b, uint64(len(entries)))
	for i := range entries {
		b = binary.AppendUvarint(b, uint64(len(entries[i].Meta)))
		b = binary.AppendUvarint(b, uint64(len(entries[i].Body)))
		b = append(b, entries[i].Meta...)
	}
	for i := range entries {
		b = append(b, entries[i].Body...)
	}
	return b
}

func chunkSize(entries []Entry) int {
	n := 32
	for i := range entries {
		n += 2*binary.MaxVarintLen32 + len(entries[i].Meta) + len(entries[i].Body)
	}
	return n
}

type chunk struct {
	base    uint64
	at      time.Time
	entries []Entry
	size    int
}

func (c *chunk) end() uint64 { return c.base + uint64(len(c.entries)) }

// decodeChunk reads a chunk. Its entries alias v.
func decodeChunk(base uint64, v []byte) (*chunk, error) {
	bad := func(what string) error {
		return fmt.Errorf("%w: chunk at offset %d: %s", ErrCorrupt, base, what)
	}
	if len(v) < 10 || v[0] != chunkVersion {
		return nil, bad("no header")
	}
	c := &chunk{base: base, at: time.UnixMicro(int64(binary.BigEndian.Uint64(v[1:]))).UTC(), size: len(v)}
	v = v[9:]
	count, n := binary.Uvarint(v)
	if n <= 0 || count > uint64(len(v)) {
		return nil, bad("count")
	}
	v = v[n:]
	c.entries = make([]Entry, count)
	lens := make([]int, count)
	for i := range c.entries {
		meta, n := binary.Uvarint(v)
		if n <= 0 {
			return nil, bad("index")
		}
		v = v[n:]
		body, n := binary.Uvarint(v)
		if n <= 0 {
			return nil, bad("index")
		}
		v = v[n:]
		if meta > uint64(len(v)) || body > uint64(len(v)) {
			return nil, bad("length")
		}
		c.entries[i] = Entry{Offset: base + uint64(i), Meta: v[:meta:meta]}
		lens[i] = int(body)
		v = v[meta:]
	}
	for i, l := range lens {
		if l > len(v) {
			return nil, bad("body")
		}
		// The capacity reaches over the neighbours on purpose: Runs rejoins them.
		c.entries[i].Body = v[:l]
		v = v[l:]
	}
	if len(v) != 0 {
		return nil, bad("trailing bytes")
	}
	return c, nil
}

// Runs returns the bodies of entries as few slices as possible: bodies that lie
// next to each other in a chunk are one slice.
func Runs(entries []Entry) [][]byte {
	var out [][]byte
	var run []byte
	for i := range entries {
		b := entries[i].Body
		if len(b) == 0 {
			continue
		}
		if len(run) > 0 && cap(run) > len(run) && &run[:len(run)+1][len(run)] == &b[0] {
			run = run[:len(run)+len(b)]
			continue
		}
		if run != nil {
			out = append(out, run)
		}
		run = b
	}
	if run != nil {
		out = append(out, run)
	}
	return out
}
