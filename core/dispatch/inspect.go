package dispatch

import (
	"encoding/json"
	"fmt"

	"github.com/patchbay-io/patchbay/core/journal"
)

// Settled says which entries of a staged log have their terminal state in one
// sink. The zero value says that none has.
type Settled struct {
	below uint64
	above map[uint64]bool
}

// ReadSettled reads a sink's cursor.
func ReadSettled(c journal.Cursor) (Settled, error) {
	p, err := decodeProgress(c.Extra)
	if err != nil {
		return Settled{}, err
	}
	s := Settled{below: c.Offset, above: make(map[uint64]bool, len(p.done))}
	for _, off := range p.done {
		s.above[off] = true
	}
	return s, nil
}

// Has reports whether the entry at offset is settled.
func (s Settled) Has(offset uint64) bool { return offset < s.below || s.above[offset] }

// DecodeBatch reads what a Dispatcher remembered of a write (journal.Tx.Batch).
func DecodeBatch(v []byte) (Batch, error) {
	var b Batch
	if err := json.Unmarshal(v, &b); err != nil {
		return b, fmt.Errorf("%w: batch of a sink: %w", journal.ErrCorrupt, err)
	}
	return b, nil
}
