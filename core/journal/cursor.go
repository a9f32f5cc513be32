package journal

import (
	"encoding/binary"
	"fmt"
	"maps"
)

// Cursor is how far a reader of a log has come: everything below Offset has its
// terminal state. Extra is the reader's own, for instance which entries above
// Offset are done already.
type Cursor struct {
	Offset uint64
	Extra  []byte
}

func appendCursor(b []byte, c Cursor) []byte {
	b = binary.BigEndian.AppendUint64(b, c.Offset)
	return append(b, c.Extra...)
}

func decodeCursor(v []byte) (Cursor, error) {
	if len(v) < 8 {
		return Cursor{}, fmt.Errorf("%w: cursor of %d bytes", ErrCorrupt, len(v))
	}
	return Cursor{Offset: binary.BigEndian.Uint64(v), Extra: append([]byte(nil), v[8:]...)}, nil
}

// Cursor returns the named cursor, zero if it was never set.
func (j *Journal) Cursor(name string) Cursor {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.cursors[name]
}

// Cursors returns all cursors by name.
func (j *Journal) Cursors() map[string]Cursor {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.cursors)
}
