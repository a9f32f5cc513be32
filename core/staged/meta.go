package staged

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/sdk"
	"google.golang.org/protobuf/encoding/protowire"
)

// ErrMalformed is returned for bytes that are no entry.
var ErrMalformed = errors.New("staged: malformed entry")

// Meta is what stands beside an entry's body.
type Meta struct {
	// Note is set for an entry that goes nowhere.
	Note *Note
	// Targets are the numbers (journal.Journal.SinkNumber) of the sinks the
	// event is meant for.
	Targets []uint32
	// Order is equal for events of one message (I5).
	Order uint64
	// Day, Channel and Type name the ledger row of the event.
	Day           int32
	Channel, Type uint8
}

// Note says why an event goes nowhere.
type Note struct {
	Outcome journal.Outcome
	By      string // the stage, e.g. `filter` or `dedup`
	Detail  string
}

// For reports whether the event is meant for the sink.
func (m *Meta) For(sink uint32) bool {
	for _, t := range m.Targets {
		if t == sink {
			return true
		}
	}
	return false
}

// Row is the ledger row of the event in a scope.
func (m *Meta) Row(scope journal.Scope, name, source string, o journal.Outcome) journal.Row {
	return journal.Row{Scope: scope, Name: name, Source: source, Day: m.Day, Channel: m.Channel, Type: m.Type, Outcome: o}
}

// Append appends the encoded meta.
func (m *Meta) Append(b []byte) []byte {
	if m.Note != nil {
		b = append(b, byte(m.Note.Outcome))
		b = appendText(b, m.Note.By)
		b = appendText(b, m.Note.Detail)
	} else {
		b = append(b, 0)
	}
	b = binary.AppendVarint(b, int64(m.Day))
	b = append(b, m.Channel, m.Type)
	b = binary.BigEndian.AppendUint64(b, m.Order)
	b = binary.AppendUvarint(b, uint64(len(m.Targets)))
	for _, t := range m.Targets {
		b = binary.AppendUvarint(b, uint64(t))
	}
	return b
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func text(b []byte) (string, []byte, error) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return "", nil, ErrMalformed
	}
	return string(b[w : w+int(n)]), b[w+int(n):], nil
}

// Decode reads a meta. Targets is reused if it is large enough.
func (m *Meta) Decode(b []byte) error {
	targets := m.Targets[:0]
	*m = Meta{}
	if len(b) == 0 {
		return ErrMalformed
	}
	if b[0] != 0 {
		n := &Note{Outcome: journal.Outcome(b[0])}
		var err error
		if n.By, b, err = text(b[1:]); err != nil {
			return err
		}
		if n.Detail, b, err = text(b); err != nil {
			return err
		}
		m.Note = n
	} else {
		b = b[1:]
	}
	day, w := binary.Varint(b)
	if w <= 0 || len(b) < w+10 {
		return ErrMalformed
	}
	m.Day = int32(day)
	b = b[w:]
	m.Channel, m.Type = b[0], b[1]
	m.Order = binary.BigEndian.Uint64(b[2:])
	b = b[10:]
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)) {
		return ErrMalformed
	}
	b = b[w:]
	for range n {
		t, w := binary.Uvarint(b)
		if w <= 0 {
			return ErrMalformed
		}
		targets = append(targets, uint32(t))
		b = b[w:]
	}
	m.Targets = targets
	return nil
}

// farPast and farFuture bound how far an event's own time may lie from its
// receipt to have a ledger day of its own; beyond, it is counted under day 0, so
// that absurd times cannot make the ledger grow.
const (
	farPast   = 400 * 24 * time.Hour
	farFuture = 48 * time.Hour
)

// Day is the ledger day of an event: days since the epoch in UTC, 0 if absurd.
func Day(e *sdk.Event) int32 {
	d := e.ReceivedAt.Sub(e.Time)
	if d > farPast || d < -farFuture || e.Time.Unix() < 0 {
		return 0
	}
	return int32(e.Time.Unix() / 86400)
}

// AppendEvent appends e framed as an element of WriteRequest.events.
func AppendEvent(b []byte, e *sdk.Event, scratch []byte) (framed, reuse []byte) {
	scratch = e.AppendWire(scratch[:0])
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	return protowire.AppendBytes(b, scratch), scratch
}

// Event decodes the event of an entry's body. It aliases body.
func Event(body []byte) (*sdk.Event, error) {
	inner, err := Unframe(body)
	if err != nil {
		return nil, err
	}
	e := new(sdk.Event)
	return e, e.UnmarshalWire(inner)
}

// Unframe returns what a framed element of a repeated field 1 holds.
func Unframe(body []byte) ([]byte, error) {
	num, typ, n := protowire.ConsumeTag(body)
	if n < 0 || num != 1 || typ != protowire.BytesType {
		return nil, ErrMalformed
	}
	inner, w := protowire.ConsumeBytes(body[n:])
	if w < 0 || n+w != len(body) {
		return nil, ErrMalformed
	}
	return inner, nil
}
