package sqlite

import (
	"github.com/patchbay-io/patchbay/plugins/sink/warehouse/fold"
	"github.com/patchbay-io/patchbay/plugins/sink/warehouse/table"
	"github.com/patchbay-io/patchbay/sdk"
	"zombiezen.com/go/sqlite"
)

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
	if known, ok := db.recent.get(m.key); ok {
		msg.no, msg.exists, msg.state = known.no, true, known.state
		return nil
	}
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

// remember keeps what was committed for the batches that follow.
func (m *messages) remember(db *database) {
	for key, i := range m.index {
		if msg := &m.list[i]; msg.changed && !msg.damaged {
			db.recent.put(key, known{no: msg.no, state: msg.state})
		}
	}
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
