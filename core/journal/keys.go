package journal

import (
	"encoding/binary"
	"fmt"
)

// The key space. Every key starts with one of these; numbers are big endian so
// that keys sort as their numbers do.
const (
	prefixMeta    = 0x01 // name -> value
	prefixName    = 0x02 // kind, name -> log id
	prefixChunk   = 0x03 // log id, base offset -> chunk
	prefixSummary = 0x04 // log id, base offset -> summary of that chunk
	prefixCursor  = 0x05 // name -> cursor
	prefixMark    = 0x06 // namespace, bucket, hash -> value
	prefixDead    = 0x07 // id -> dead letter
	prefixLedger  = 0x08 // row -> count
	prefixBatch   = 0x09 // reader, first offset -> batch that a sink took
)

var (
	metaFormat  = metaKey("format")
	metaStore   = metaKey("store")
	metaHashKey = metaKey("hash_key")
)

func metaKey(name string) []byte { return append([]byte{prefixMeta}, name...) }

func nameKey(kind Kind, name string) []byte {
	return append([]byte{prefixName, byte(kind)}, name...)
}

func logPrefix(prefix byte, id uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{prefix}, id)
}

func logKey(prefix byte, id uint32, base uint64) []byte {
	return binary.BigEndian.AppendUint64(logPrefix(prefix, id), base)
}

func cursorKey(name string) []byte { return append([]byte{prefixCursor}, name...) }

func deadKey(id uint64) []byte { return binary.BigEndian.AppendUint64([]byte{prefixDead}, id) }

func batchKey(reader string, first uint64) []byte {
	return binary.BigEndian.AppendUint64(batchPrefix(reader), first)
}

func batchPrefix(reader string) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{prefixBatch}, uint16(len(reader))), reader...)
}

const markKeyLen = 1 + 4 + 4 + 16

func appendMarkKey(b []byte, ns, bucket uint32, h Hash) []byte {
	b = append(b, prefixMark)
	b = binary.BigEndian.AppendUint32(b, ns)
	b = binary.BigEndian.AppendUint32(b, bucket)
	return append(b, h[:]...)
}

func markBucketPrefix(ns, bucket uint32) []byte {
	b := binary.BigEndian.AppendUint32([]byte{prefixMark}, ns)
	return binary.BigEndian.AppendUint32(b, bucket)
}

// upperBound returns the smallest key above all keys that start with prefix.
func upperBound(prefix []byte) []byte {
	out := append([]byte(nil), prefix...)
	for i := len(out) - 1; i >= 0; i-- {
		out[i]++
		if out[i] != 0 {
			return out[:i+1]
		}
	}
	return nil
}

// describeKey renders a key for dump and for error texts.
func describeKey(k []byte) string {
	if len(k) == 0 {
		return "empty"
	}
	rest := k[1:]
	switch k[0] {
	case prefixMeta:
		return "meta " + string(rest)
	case prefixName:
		if len(rest) > 0 {
			return fmt.Sprintf("name %s %s", Kind(rest[0]), rest[1:])
		}
	case prefixChunk, prefixSummary:
		if len(rest) == 12 {
			what := "chunk"
			if k[0] == prefixSummary {
				what = "summary"
			}
			return fmt.Sprintf("%s log=%d base=%d", what, binary.BigEndian.Uint32(rest), binary.BigEndian.Uint64(rest[4:]))
		}
	case prefixCursor:
		return "cursor " + string(rest)
	case prefixMark:
		if len(rest) == markKeyLen-1 {
			return fmt.Sprintf("mark ns=%d bucket=%d %x", binary.BigEndian.Uint32(rest), binary.BigEndian.Uint32(rest[4:]), rest[8:])
		}
	case prefixDead:
		if len(rest) == 8 {
			return fmt.Sprintf("dead letter %d", binary.BigEndian.Uint64(rest))
		}
	case prefixBatch:
		if len(rest) >= 10 {
			return fmt.Sprintf("batch %s first=%d", rest[2:len(rest)-8], binary.BigEndian.Uint64(rest[len(rest)-8:]))
		}
	case prefixLedger:
		if row, err := decodeLedgerKey(k); err == nil {
			return "ledger " + row.String()
		}
	}
	return fmt.Sprintf("unknown key %x", k)
}
