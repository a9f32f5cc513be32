package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
)

// checkWALs reads the write-ahead logs before the store does. The store takes
// one to end at its first unreadable chunk unless a later 32 KiB block proves
// otherwise: damage in the last block would drop acknowledged requests without a
// word (I10). Here every later chunk is asked.
func (j *Journal) checkWALs() error {
	fs := j.opts.FS
	names, err := fs.List(j.opts.Dir)
	if err != nil {
		return fmt.Errorf("journal: list %s: %w", j.opts.Dir, err)
	}
	for _, name := range names {
		base, isLog := strings.CutSuffix(name, ".log")
		number, err := strconv.ParseUint(base, 10, 64)
		if !isLog || err != nil {
			continue
		}
		f, err := fs.Open(fs.PathJoin(j.opts.Dir, name))
		if err != nil {
			return fmt.Errorf("journal: open write-ahead log: %w", err)
		}
		w := walCheck{number: uint32(number), bad: -1}
		err = errors.Join(w.read(f), f.Close())
		if err != nil {
			return fmt.Errorf("journal: check %s: %w", name, err)
		}
	}
	return nil
}

// A write-ahead log is chunks: checksum (4 bytes), length (2), kind (1), the
// log's number (4), how many bytes of the log were on stable storage when the
// chunk was written (8), payload. No chunk crosses a multiple of walBlock.
const (
	walBlock     = 32 << 10
	walHeader    = 19
	walFirstKind = 9
	walLastKind  = 12
)

type walCheck struct {
	number uint32
	bad    int64 // where the readable part ends; -1 while it has not
}

func (w *walCheck) read(r io.Reader) error {
	buf := make([]byte, walBlock)
	for base := int64(0); ; base += walBlock {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			if err := w.block(buf[:n], base); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (w *walCheck) block(b []byte, base int64) error {
	pos := 0
	for w.bad < 0 {
		if walBlock-pos < walHeader {
			return nil // what is left of a block is padding
		}
		n, _ := w.chunk(b[pos:])
		if n == 0 {
			w.bad = base + int64(pos)
			break
		}
		pos += n
	}
	// A sound chunk that says that more was stable than can be read proves damage.
	// It can only speak of what stands before it.
	for p := pos; p+walHeader <= len(b); p++ {
		at := base + int64(p)
		if n, synced := w.chunk(b[p:]); n > 0 && synced <= uint64(at) && int64(synced) > w.bad {
			return fmt.Errorf("%w: unreadable at byte %d, though byte %d says that it was stored up to %d", ErrCorrupt, w.bad, at, synced)
		}
	}
	return nil
}

// chunk looks at the chunk at the start of b; n is 0 if there is no sound one of
// this log. The trailer that ends a log has the next log's number.
func (w *walCheck) chunk(b []byte) (n int, synced uint64) {
	if len(b) < walHeader || b[6] < walFirstKind || b[6] > walLastKind {
		return 0, 0
	}
	number := binary.LittleEndian.Uint32(b[7:])
	n = walHeader + int(binary.LittleEndian.Uint16(b[4:]))
	if n > len(b) || (number != w.number && number != w.number+1) {
		return 0, 0
	}
	if binary.LittleEndian.Uint32(b) != maskedChecksum(b[6:n]) {
		return 0, 0
	}
	return n, binary.LittleEndian.Uint64(b[11:])
}

// maskedChecksum is the store's checksum: a CRC rotated, so that a checksum of
// data that holds checksums stays meaningful.
func maskedChecksum(b []byte) uint32 { return mask(crc32.Checksum(b, castagnoli)) }

func mask(c uint32) uint32 { return (c>>15 | c<<17) + 0xa282ead8 }
