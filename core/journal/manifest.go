package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cockroachdb/pebble/v2"
)

// checkManifest reads the store's manifest before the store does. The store
// takes a manifest to end where its first unreadable record lies, as after a
// power failure, and then deletes the tables that it no longer knows: one bit
// would empty the journal without a word (I10). created says that a store was
// completed here once.
func (j *Journal) checkManifest(created bool) error {
	fs := j.opts.FS
	desc, err := pebble.Peek(j.opts.Dir, fs)
	if err != nil {
		return fmt.Errorf("journal: look at %s: %w", j.opts.Dir, err)
	}
	if !desc.Exists {
		if created {
			return fmt.Errorf("%w: the store in %s is gone, its version file is not", ErrCorrupt, j.opts.Dir)
		}
		return nil
	}
	f, err := fs.Open(desc.ManifestFilename)
	if err != nil {
		return fmt.Errorf("journal: open manifest: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("journal: read manifest: %w", err)
	}
	if err := verifyManifest(data); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, fs.PathBase(desc.ManifestFilename), err)
	}
	return nil
}

// A manifest is records in chunks: checksum (4 bytes), length (2), kind (1),
// payload. No chunk crosses a multiple of manifestBlock.
const (
	manifestBlock  = 32 << 10
	manifestHeader = 7
	chunkFull      = 1
	chunkLast      = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// verifyManifest refuses a manifest that is damaged. One whose last record is
// incomplete is fine: that is how a power failure leaves it, and nothing that
// the record speaks of was promised.
func verifyManifest(data []byte) error {
	records := 0
	for pos := 0; ; {
		if rest := manifestBlock - pos%manifestBlock; rest < manifestHeader {
			pos += rest
		}
		n, kind, sound := manifestChunk(data, pos)
		switch {
		case n == 0 && records == 0:
			// It was synced with its first record before anything named it.
			return fmt.Errorf("no complete record")
		case n == 0:
			if wholeBut(data, pos) {
				return fmt.Errorf("bad header at byte %d", pos)
			}
			return soundAfter(data, pos)
		case !sound:
			return fmt.Errorf("bad checksum at byte %d", pos)
		}
		if kind == chunkFull || kind == chunkLast {
			records++
		}
		pos += n
	}
}

// manifestChunk looks at the chunk at pos. n is 0 where no complete one begins.
func manifestChunk(data []byte, pos int) (n int, kind byte, sound bool) {
	if pos+manifestHeader > len(data) {
		return 0, 0, false
	}
	h := data[pos:]
	n, kind = manifestHeader+int(binary.LittleEndian.Uint16(h[4:])), h[6]
	if kind == 0 || n > len(h) || pos%manifestBlock+n > manifestBlock {
		return 0, kind, false
	}
	return n, kind, binary.LittleEndian.Uint32(h) == maskedChecksum(h[6:n])
}

// wholeBut reports whether what looks like an incomplete record at pos is a whole
// one but for its length or its kind, which the checksum then proves: one bit of
// either makes a record look cut off.
func wholeBut(data []byte, pos int) bool {
	if pos+manifestHeader > len(data) {
		return false
	}
	h := data[pos:min(len(data), pos+manifestBlock-pos%manifestBlock)]
	sum, kind := binary.LittleEndian.Uint32(h), h[6]
	crc := crc32.Checksum([]byte{kind}, castagnoli)
	for n := manifestHeader; n <= len(h); n++ {
		if mask(crc) == sum && kind != 0 {
			return true
		}
		if n < len(h) {
			crc = crc32.Update(crc, castagnoli, h[n:n+1])
		}
	}
	n := manifestHeader + int(binary.LittleEndian.Uint16(h[4:]))
	for k := byte(chunkFull); k <= chunkLast && n <= len(h); k++ {
		if mask(crc32.Update(crc32.Checksum([]byte{k}, castagnoli), castagnoli, h[manifestHeader:n])) == sum {
			return true
		}
	}
	return false
}

// soundAfter refuses what looks like an incomplete record at pos if a sound one
// follows: nothing was ever written after a record that was cut off.
func soundAfter(data []byte, pos int) error {
	for p := pos + 1; p+manifestHeader <= len(data); p++ {
		if _, kind, sound := manifestChunk(data, p); sound && kind <= chunkLast {
			return fmt.Errorf("damaged between byte %d and %d", pos, p)
		}
	}
	return nil
}
