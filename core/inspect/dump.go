package inspect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/journal"
)

// DumpOptions shape a dump.
type DumpOptions struct {
	Options
	// Bodies includes every entry and dead letter byte for byte, in base64.
	// They hold personal data whatever Reveal says.
	Bodies bool
}

// line is one key of the store in a dump.
type line struct {
	Key   string           `json:"key"`
	Kind  journal.ItemKind `json:"kind"`
	Bytes int              `json:"bytes"`
	Error string           `json:"error,omitempty"`

	Log     string          `json:"log,omitempty"` // "raw twilio.support"
	Number  uint32          `json:"number,omitempty"`
	Offset  *uint64         `json:"offset,omitempty"`
	At      time.Time       `json:"at,omitzero"`
	Entries []dumpEntry     `json:"entries,omitempty"`
	Value   string          `json:"value,omitempty"`
	Count   *int64          `json:"count,omitempty"`
	Batch   *dispatch.Batch `json:"batch,omitempty"`
	Dead    *DeadLetterInfo `json:"dead_letter,omitempty"`
	Refused []byte          `json:"refused,omitempty"` // what a dead letter keeps
}

type dumpEntry struct {
	Offset uint64       `json:"offset"`
	Bytes  int          `json:"bytes"`
	Error  string       `json:"error,omitempty"`
	Raw    *dumpRequest `json:"request,omitempty"`
	Event  *Event       `json:"event,omitempty"`
	To     []string     `json:"to,omitempty"` // sinks
	Meta   []byte       `json:"meta,omitempty"`
	Body   []byte       `json:"body,omitempty"`
}

type dumpRequest struct {
	ReceivedAt    time.Time `json:"received_at"`
	Method        string    `json:"method"`
	Authenticated bool      `json:"authenticated"`
	Remote        string    `json:"remote,omitempty"`
	Headers       int       `json:"headers"`
	BodyBytes     int       `json:"body_bytes"`
}

// Dump writes the whole store as it is at one moment, a line of JSON a key. What
// cannot be read becomes a line with an error.
func Dump(w io.Writer, j *journal.Journal, o DumpOptions) error {
	r, err := newReader(j, o.Options)
	if err != nil {
		return err
	}
	d := &dumper{reader: r, bodies: o.Bodies, logs: map[uint32]*journal.Item{}, enc: json.NewEncoder(w)}
	d.enc.SetEscapeHTML(false)
	v := j.View()
	return errors.Join(v.Items(d.item), v.Close())
}

type dumper struct {
	*reader
	bodies bool
	logs   map[uint32]*journal.Item // names by number
	enc    *json.Encoder
}

func (d *dumper) item(i *journal.Item) error {
	l := line{Key: i.Key, Kind: i.Kind, Bytes: i.Size}
	if i.Err != nil {
		l.Error = i.Err.Error()
	} else {
		d.fill(&l, i)
	}
	if err := d.enc.Encode(l); err != nil {
		return fmt.Errorf("inspect: write dump: %w", err)
	}
	return nil
}

func (d *dumper) fill(l *line, i *journal.Item) {
	switch i.Kind {
	case journal.ItemMeta:
		l.Value = string(i.Extra)
	case journal.ItemName:
		d.logs[i.Log] = i
		l.Log, l.Number = i.Of.String()+" "+i.Name, i.Log
	case journal.ItemChunk:
		l.Offset, l.At = &i.Offset, i.At
		if n := d.logs[i.Log]; n != nil {
			l.Log = n.Of.String() + " " + n.Name
			for k := range i.Entries {
				l.Entries = append(l.Entries, d.entry(n, i, k))
			}
		}
	case journal.ItemSummary, journal.ItemMark, journal.ItemUnknown:
		// The key says it all.
	case journal.ItemCursor:
		l.Offset = &i.Offset
	case journal.ItemLedger:
		l.Count = &i.Count.N
	case journal.ItemBatch:
		l.Offset = &i.Offset
		if b, err := dispatch.DecodeBatch(i.Extra); err != nil {
			l.Error = err.Error()
		} else {
			l.Batch = &b
		}
	case journal.ItemDeadLetter:
		info := d.o.deadLetter(i.DeadLetter)
		l.Dead = &info
		if d.bodies {
			l.Refused = append(i.DeadLetter.Body, i.DeadLetter.Event...)
		}
	}
}

func (d *dumper) entry(n, i *journal.Item, k int) dumpEntry {
	e := i.Entries[k]
	out := dumpEntry{Offset: e.Offset, Bytes: len(e.Meta) + len(e.Body)}
	if d.bodies {
		out.Meta, out.Body = e.Meta, e.Body
	}
	if n.Of == journal.Raw {
		r, err := delivery(n.Name, e)
		if err != nil {
			out.Error = err.Error()
			return out
		}
		out.Raw = &dumpRequest{
			ReceivedAt: r.ReceivedAt, Method: r.Method, Authenticated: r.Authenticated, Remote: r.Remote,
			Headers: len(r.Headers), BodyBytes: len(r.Body),
		}
		return out
	}
	c := &chunk{pipeline: n.Name, base: i.Offset, at: i.At, entries: i.Entries}
	ev, m, err := c.decode(k)
	if err != nil {
		out.Error = err.Error()
		return out
	}
	event := d.event(c, k, ev, m)
	out.Event = &event
	for _, t := range m.Targets {
		out.To = append(out.To, d.sinkName(t))
	}
	return out
}
