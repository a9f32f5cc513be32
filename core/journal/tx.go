package journal

import (
	"encoding/json"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Durability says when a Tx must be on stable storage.
type Durability uint8

const (
	// Durable: Commit returns after the sync.
	Durable Durability = iota
	// Lazy: Commit returns once it is written; a crash may undo it, all of it
	// together with everything after it. For what can be done again, such as
	// the cursor of an idempotent sink.
	Lazy
)

// Tx is one step: all of it becomes durable, or none (I7). It is built by one
// goroutine and used once.
type Tx struct {
	j       *Journal
	batch   *pebble.Batch
	appends []txAppend
	cursors map[string]Cursor
	ledger  map[Row]int64
	sync    bool
	rewind  bool // cursors may move backward
	err     error
}

type txAppend struct {
	log     *Log
	entries []Entry
	summary []byte
}

// Begin starts a step.
func (j *Journal) Begin() *Tx {
	return &Tx{j: j, batch: j.db.NewBatch(), cursors: map[string]Cursor{}, ledger: map[Row]int64{}}
}

// Append adds entries to the end of a log, as one chunk with its summary, which
// may be nil. The bytes must not change before Commit returns.
func (tx *Tx) Append(l *Log, entries []Entry, summary []byte) {
	if len(entries) > 0 {
		tx.appends = append(tx.appends, txAppend{l, entries, summary})
	}
}

// SetCursor moves a cursor. Moving it backward is an error (I9).
func (tx *Tx) SetCursor(name string, c Cursor) {
	if old := tx.j.Cursor(name); c.Offset < old.Offset {
		tx.err = fmt.Errorf("%w: %s from %d to %d", ErrBackward, name, old.Offset, c.Offset)
		return
	}
	tx.cursors[name] = c
}

// Mark remembers an identity in a bucket of a namespace.
func (tx *Tx) Mark(ns, bucket uint32, h Hash, value []byte) {
	var key [markKeyLen]byte
	_ = tx.batch.Set(appendMarkKey(key[:0], ns, bucket, h), value, nil)
}

// Count adds n to a row of the ledger.
func (tx *Tx) Count(r Row, n int64) { tx.ledger[r] += n }

// DeadLetter adds a dead letter and sets its ID.
func (tx *Tx) DeadLetter(d *DeadLetter) {
	d.ID = tx.j.deadSeq.Add(1)
	tx.UpdateDeadLetter(d)
}

// UpdateDeadLetter replaces the dead letter with d's ID.
func (tx *Tx) UpdateDeadLetter(d *DeadLetter) {
	v, err := json.Marshal(d)
	if err != nil {
		tx.err = fmt.Errorf("journal: encode dead letter: %w", err)
		return
	}
	_ = tx.batch.Set(deadKey(d.ID), v, nil)
}

// Batch remembers that the reader's sink took a batch whose first entry is at
// offset first. Value is the reader's own.
func (tx *Tx) Batch(reader string, first uint64, value []byte) {
	_ = tx.batch.Set(batchKey(reader, first), value, nil)
}

// Commit makes the step durable as d says. A step that appends is always
// Durable: its entries could not be read otherwise. After an error, nothing of
// it happened.
func (tx *Tx) Commit(d Durability) error {
	defer tx.batch.Close()
	if tx.err != nil {
		return tx.err
	}
	tx.sync = d == Durable || len(tx.appends) > 0
	o := opPool.Get().(*op)
	o.tx, o.log, o.entry, o.err = tx, nil, Entry{}, nil
	err := tx.j.submit(o)
	o.tx = nil
	opPool.Put(o)
	return err
}

// Discard gives a step up that is not committed.
func (tx *Tx) Discard() { _ = tx.batch.Close() }

// Ledger returns all rows with their counts.
func (j *Journal) Ledger() []Count {
	j.ledgerMu.Lock()
	defer j.ledgerMu.Unlock()
	out := make([]Count, 0, len(j.ledger))
	for r, n := range j.ledger {
		out = append(out, Count{r, n})
	}
	return out
}

// Rewind moves a cursor to any offset. It is for audited replay commands only (I9).
func (j *Journal) Rewind(name string, c Cursor) error {
	tx := j.Begin()
	tx.rewind = true
	tx.cursors[name] = c
	return tx.Commit(Durable)
}
