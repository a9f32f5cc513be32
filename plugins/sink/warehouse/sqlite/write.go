package sqlite

import (
	"errors"
	"math"
	"slices"

	"github.com/patchbay-io/patchbay/plugins/sink/warehouse/table"
	"github.com/patchbay-io/patchbay/sdk"
	"zombiezen.com/go/sqlite"
)

// load is what pb_load_log says of a write beside the counts.
type load struct {
	batchID, pipeline string
	at                int64 // microseconds
}

// outcome is an event that was not newly written: a duplicate, or rejected if
// err is set.
type outcome struct {
	index int
	code  string
	err   error
}

// batch is the work on one Write. Its memory is used again by the next.
type batch struct {
	row      table.Row
	messages messages
	outcomes []outcome

	load              int64
	written           int64
	corrected         int64
	duplicate         int64
	rejected          int64
	earliest, latest  int64 // of the rows written
	correctedMessages []int64
}

// write does the whole transaction. After an error the caller rolls back.
func (b *batch) write(db *database, in []sdk.Event, l load) error {
	*b = batch{row: b.row, messages: b.messages, outcomes: b.outcomes[:0], correctedMessages: b.correctedMessages[:0]}
	if err := db.begin.run(); err != nil {
		return err
	}
	var lastMessage, others int64
	if err := db.numbers.each(func(r *sqlite.Stmt) { b.load, lastMessage = r.ColumnInt64(0)+1, r.ColumnInt64(1) }); err != nil {
		return err
	}
	if err := db.others.each(func(r *sqlite.Stmt) { others = r.ColumnInt64(0) }); err != nil {
		return err
	}
	db.recent.validFor(others)
	b.messages.start(lastMessage)
	for i := range in {
		if err := b.event(db, i, &in[i]); err != nil {
			return err
		}
	}
	if err := b.messages.save(db); err != nil {
		return err
	}
	slices.Sort(b.correctedMessages)
	for _, no := range slices.Compact(b.correctedMessages) {
		if err := b.messages.rebuild(db, no); err != nil {
			return err
		}
	}
	if err := b.record(db, len(in), l); err != nil {
		return err
	}
	if err := db.commit.run(); err != nil {
		return err
	}
	if len(b.correctedMessages) > 0 {
		db.recent.clear() // the batch does not know the states that were made again
		return nil
	}
	b.messages.remember(db)
	return nil
}

// event writes one event. Only an event that is new is folded into its message,
// in the same transaction: that is what makes the counts exact (I4).
func (b *batch) event(db *database, i int, e *sdk.Event) error {
	if e.RawOffset > math.MaxInt64 {
		b.reject(i, codeRange, errors.New("raw_offset does not fit into 64 bits"))
		return nil
	}
	r := &b.row
	r.Set(e)
	msg, err := b.messages.find(db, r)
	if err != nil {
		return err
	}
	inserted, err := b.insert(db, r, msg)
	if err != nil {
		return b.refused(db, i, err)
	}
	if inserted {
		b.written++
		if b.written == 1 {
			b.earliest, b.latest = r.Time, r.Time
		}
		b.earliest, b.latest = min(b.earliest, r.Time), max(b.latest, r.Time)
		b.messages.add(msg, r)
		return nil
	}
	if r.Type != sdk.Unmapped {
		corrected, err := b.correct(db, r)
		if err != nil {
			return b.refused(db, i, err)
		}
		if corrected {
			b.corrected++
			return nil
		}
	}
	b.duplicate++
	b.outcomes = append(b.outcomes, outcome{index: i})
	return nil
}

// insert adds the fact, false if an event of this id is there already.
func (b *batch) insert(db *database, r *table.Row, msg int) (bool, error) {
	s := db.insertEvent
	at := 0
	for i := range db.facts {
		f := &db.facts[i]
		for at == db.load || at == db.message {
			at++ // bound below
		}
		switch {
		case f.Text != nil && f.Required:
			s.text(at, f.Text(r))
		case f.Text != nil:
			s.textOrNull(at, f.Text(r))
		case f.Int != nil:
			s.int(at, f.Int(r))
		case f.Kind == table.ID:
			s.bytes(at, r.Event.ID[:])
		case f.Name == "attributes":
			s.bytesAsText(at, r.Attributes)
		case f.Name == "_pb_meta":
			s.bytesAsText(at, r.Meta)
		}
		at++
	}
	s.int(db.load, b.load)
	if msg >= 0 {
		s.int(db.message, b.messages.list[msg].no)
	} else {
		s.null(db.message)
	}
	switch {
	case len(r.Event.SourcePayload) == 0:
		s.null(db.payload)
	case r.PayloadIsText():
		s.bytesAsText(db.payload, r.Event.SourcePayload)
	default:
		s.bytes(db.payload, r.Event.SourcePayload)
	}
	if err := s.run(); err != nil {
		return false, err
	}
	return db.conn.Changes() > 0, nil
}

// correct gives an unmapped row the type that a mapping has found since. Its
// message is folded again from its facts, because a fold cannot take back.
func (b *batch) correct(db *database, r *table.Row) (done bool, err error) {
	s := db.correctEvent
	s.text(0, r.Type.String())
	s.textOrNull(1, r.Event.DeliveryStatus.String())
	s.textOrNull(2, r.Event.ErrorReason)
	s.bytesAsText(3, r.Attributes)
	s.int(4, b.load)
	s.bytes(5, r.Event.ID[:])
	err = s.each(func(row *sqlite.Stmt) {
		done = true
		if !row.ColumnIsNull(0) {
			b.correctedMessages = append(b.correctedMessages, row.ColumnInt64(0))
		}
	})
	return done, err
}

// refused rejects the one event that the database refuses: the statement had no
// effect and the transaction goes on. Any other error ends the write.
func (b *batch) refused(db *database, i int, err error) error {
	code, ok := rejection(err)
	if !ok || db.conn.AutocommitEnabled() {
		return err
	}
	b.reject(i, code, err)
	return nil
}

func (b *batch) reject(i int, code string, err error) {
	b.rejected++
	b.outcomes = append(b.outcomes, outcome{index: i, code: code, err: rowError(err)})
}

// record adds the row of pb_load_log.
func (b *batch) record(db *database, rows int, l load) error {
	s := db.insertLoad
	s.int(0, b.load)
	s.textOrNull(1, l.batchID)
	s.textOrNull(2, l.pipeline)
	for i, n := range []int64{int64(rows), b.written, b.corrected, b.duplicate, b.rejected} {
		s.int(3+i, n)
	}
	s.null(8)
	s.null(9)
	if b.written > 0 {
		s.int(8, b.earliest)
		s.int(9, b.latest)
	}
	s.int(10, l.at)
	return s.run()
}
