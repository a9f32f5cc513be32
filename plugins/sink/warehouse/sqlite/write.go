package sqlite

import (
	"errors"
	"math"

	"github.com/patchbay-io/patchbay/plugins/sink/warehouse/fold"
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
	var lastMessage int64
	if err := db.numbers.each(func(r *sqlite.Stmt) { b.load, lastMessage = r.ColumnInt64(0)+1, r.ColumnInt64(1) }); err != nil {
		return err
	}
	b.messages.start(lastMessage)
	for i := range in {
		if err := b.event(db, i, &in[i]); err != nil {
			return err
		}
	}
	if err := b.messages.save(db); err != nil {
		return err
	}
	for _, no := range b.correctedMessages {
		if err := b.messages.rebuild(db, no); err != nil {
			return err
		}
	}
	if err := b.record(db, len(in), l); err != nil {
		return err
	}
	return db.commit.run()
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

// messages are the messages that a batch touches: each is read once and written
// once, however many of its events the batch holds.
type messages struct {
	list  []message
	index map[string]int
	last  int64 // the last number given
	key   []byte
	blob  []byte
}

type message struct {
	no       int64
	exists   bool
	changed  bool
	damaged  bool      // its stored fold cannot be read
	key      [4]string // as table.MessageKey
	identity [4]string // as table.MessageIdentity
	state    fold.State
}

func (m *messages) start(last int64) {
	if m.index == nil {
		m.index = make(map[string]int)
	}
	clear(m.index)
	m.list, m.last = m.list[:0], last
}

// find returns the place of the event's message in list, -1 if it names none.
func (m *messages) find(db *database, r *table.Row) (int, error) {
	if r.Event.MessageID == "" {
		return -1, nil
	}
	key := [4]string{r.Event.MessageID, r.Event.Recipient, r.Event.Provider, r.MessageAccount()}
	m.key = m.key[:0]
	for _, part := range key {
		m.key = append(append(m.key, part...), 0) // no part holds a zero byte
	}
	if i, ok := m.index[string(m.key)]; ok {
		return i, nil
	}
	m.list = append(m.list, message{key: key})
	i := len(m.list) - 1
	m.index[string(m.key)] = i
	return i, m.read(db, &m.list[i])
}

// read loads what is stored of a message, or gives it a number.
func (m *messages) read(db *database, msg *message) error {
	s := db.findMessage
	for i, part := range msg.key {
		s.text(i, part)
	}
	err := s.each(func(row *sqlite.Stmt) {
		msg.no, msg.exists = row.ColumnInt64(0), true
		if n := row.ColumnLen(1); cap(m.blob) < n {
			m.blob = make([]byte, n)
		}
		n := row.ColumnBytes(1, m.blob[:cap(m.blob)])
		msg.damaged = msg.state.UnmarshalBinary(m.blob[:n]) != nil
	})
	if err == nil && !msg.exists {
		m.last++
		msg.no = m.last
	}
	return err
}

// add folds an event that is new into its message.
func (m *messages) add(i int, r *table.Row) {
	if i < 0 {
		return
	}
	msg := &m.list[i]
	msg.changed = true
	msg.state.Add(fold.Of(&r.Event, r.Time, r.ReceivedAt))
	e := &r.Event
	for j, v := range [...]string{e.ConversationID, e.CustomerID, e.CampaignID, e.Sender} {
		msg.identity[j] = max(msg.identity[j], v)
	}
}

// save writes the messages that changed.
func (m *messages) save(db *database) error {
	for i := range m.list {
		msg := &m.list[i]
		var err error
		switch {
		case !msg.changed:
		case !msg.exists:
			err = m.insert(db, msg)
		default:
			err = m.update(db, msg)
		}
		if err == nil && msg.damaged && msg.changed {
			err = m.rebuild(db, msg.no)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *messages) insert(db *database, msg *message) error {
	s := db.insertMessage
	s.int(0, msg.no)
	at := 1
	for _, part := range msg.key {
		s.text(at, part)
		at++
	}
	for _, v := range msg.identity {
		s.textOrNull(at, v)
		at++
	}
	m.verdict(db, s, at, &msg.state)
	return s.run()
}

func (m *messages) update(db *database, msg *message) error {
	s := db.updateMessage
	for i, v := range msg.identity {
		s.textOrNull(i, v)
	}
	end := m.verdict(db, s, len(msg.identity), &msg.state)
	s.int(end, msg.no)
	return s.run()
}

// verdict binds the computed columns and the fold, and returns the parameter
// that follows them.
func (m *messages) verdict(db *database, s *binder, at int, state *fold.State) int {
	result := state.Result()
	for i := range db.verdicts {
		v := &db.verdicts[i]
		switch {
		case v.Text != nil:
			s.textOrNull(at, v.Text(&result))
		case v.ID != nil:
			if id := v.ID(&result); id != nil {
				s.bytes(at, id)
			} else {
				s.null(at)
			}
		default:
			if n, ok := v.Int(&result); ok {
				s.int(at, n)
			} else {
				s.null(at)
			}
		}
		at++
	}
	m.blob = state.AppendBinary(m.blob[:0])
	s.bytes(at, m.blob)
	return at + 1
}

// rebuild folds a message again from its facts.
func (m *messages) rebuild(db *database, no int64) error {
	var state fold.State
	db.factsOfMessage.int(0, no)
	err := db.factsOfMessage.each(func(row *sqlite.Stmt) { state.Add(readFact(row)) })
	if err != nil {
		return err
	}
	return m.update(db, &message{no: no, state: state})
}

// readFact reads a row of factsOfMessage. A word that this version does not
// know asserts nothing.
func readFact(row *sqlite.Stmt) fold.Event {
	var e sdk.Event
	row.ColumnBytes(0, e.ID[:])
	e.Type, _ = sdk.ParseEventType(row.ColumnText(3))
	e.DeliveryStatus, _ = sdk.ParseDeliveryStatus(row.ColumnText(4))
	e.Channel, _ = sdk.ParseChannel(row.ColumnText(5))
	e.Direction, _ = sdk.ParseDirection(row.ColumnText(6))
	e.SetAttr(sdk.AttrBounceClass, row.ColumnText(7))
	e.SetAttr(sdk.AttrMachine, row.ColumnText(8))
	e.SetAttr(sdk.AttrClockSuspect, row.ColumnText(9))
	return fold.Of(&e, row.ColumnInt64(1), row.ColumnInt64(2))
}
