package inspect

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/pipeline"
	"github.com/patchbay-io/patchbay/core/staged"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/encoding/protowire"
)

// The addresses that must not show unless they are asked for.
const (
	phone = "+447700900123"
	email = "rupert@example.com"
)

var start = time.Date(2026, 11, 23, 12, 4, 5, 120e6, time.UTC)

// world is a journal written by hand, step by step, as the pipeline and the
// dispatchers would.
type world struct {
	t      testing.TB
	j      *journal.Journal
	raw    *journal.Log
	staged *journal.Log
	facts  uint32
	stream uint32
	now    time.Time
}

const (
	source = "twilio.support"
	pipe   = "messaging"
	facts  = "sqlite.facts"
	events = "kafka.stream"
)

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, now: start}
	var err error
	w.j, err = journal.Open(journal.Options{Dir: "j", FS: vfs.NewMem(), Log: zerolog.Nop(), Now: func() time.Time { return w.now }})
	w.must(err)
	t.Cleanup(func() { w.must(w.j.Close()) })
	w.raw, err = w.j.Log(journal.Raw, source)
	w.must(err)
	w.staged, err = w.j.Log(journal.StagedIn, pipe)
	w.must(err)
	w.facts, err = w.j.SinkNumber(facts)
	w.must(err)
	w.stream, err = w.j.SinkNumber(events)
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) commit(f func(tx *journal.Tx)) {
	w.t.Helper()
	tx := w.j.Begin()
	f(tx)
	w.must(tx.Commit(journal.Durable))
}

func framed(b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), b)
}

// receive stores a request.
func (w *world) receive(body string, authenticated bool) uint64 {
	w.t.Helper()
	d := sdk.Delivery{
		ReceivedAt: w.now, Method: "POST", URL: "https://hooks.example.com/hooks/twilio/support", Body: []byte(body),
		Remote: "192.0.2.7", Authenticated: authenticated,
	}
	off, err := w.raw.Append(framed(d.AppendWire(nil)))
	w.must(err)
	return off
}

// one is an entry to be staged.
type one struct {
	event sdk.Event
	to    []uint32
	note  *staged.Note
}

func eventID(n int) sdk.ID { return sdk.ID{0: 0xe0, 15: byte(n)} }

func (w *world) event(n int, raw uint64, message, to string) sdk.Event {
	e := sdk.Event{
		ID: eventID(n), MessageID: message, CustomerID: "c_812", Channel: sdk.SMS, Direction: sdk.Outbound, Type: sdk.Delivered,
		Time: w.now, ReceivedAt: w.now, Provider: "twilio", Source: source, DeliveryStatus: sdk.StatusDelivered,
		ProviderStatus: "delivered", Recipient: to, Sender: "+15017122661", RawOffset: raw,
	}
	return e
}

// step stages entries and moves the lane past the requests up to next.
func (w *world) step(next uint64, entries ...one) {
	w.t.Helper()
	was := w.j.Cursor(pipeline.CursorName(pipe, source)).Offset
	w.commit(func(tx *journal.Tx) {
		var b staged.Builder
		b.Reset(source)
		var es []journal.Entry
		for i := range entries {
			o := &entries[i]
			m := staged.Meta{Note: o.note, Targets: o.to, Channel: uint8(o.event.Channel), Type: uint8(o.event.Type), Day: staged.Day(&o.event)}
			outcome := journal.Staged
			if o.note != nil {
				outcome = o.note.Outcome
				if o.note.By == byParse {
					m.Day, m.Channel, m.Type = 0, 0, 0
				}
			}
			tx.Count(m.Row(journal.ScopePipeline, pipe, source, outcome), 1)
			for _, n := range o.to {
				tx.Count(m.Row(journal.ScopeSink, w.sink(n), pipe, journal.Addressed), 1)
			}
			body, _ := staged.AppendEvent(nil, &o.event, nil)
			es = append(es, journal.Entry{Meta: m.Append(nil), Body: body})
			b.Add(&o.event)
		}
		tx.Append(w.staged, es, b.Encode())
		tx.Count(journal.Row{Scope: journal.ScopePipeline, Name: pipe, Source: source, Outcome: journal.Parsed}, int64(next-was))
		tx.SetCursor(pipeline.CursorName(pipe, source), journal.Cursor{Offset: next})
	})
}

func (w *world) sink(n uint32) string {
	if n == w.facts {
		return facts
	}
	return events
}

// deliver settles the entries of a sink up to next; refused is the offset of one
// that becomes a dead letter, if it is not negative.
func (w *world) deliver(sink string, next uint64, refused int) {
	w.t.Helper()
	number := w.facts
	if sink == events {
		number = w.stream
	}
	name := dispatch.CursorName(pipe, sink)
	from := w.j.Cursor(name).Offset
	es, err := w.staged.Read(from, 1000, 1<<20)
	w.must(err)
	w.commit(func(tx *journal.Tx) {
		b := dispatch.Batch{At: w.now, Took: 3100}
		first := uint64(0)
		for _, e := range es {
			var m staged.Meta
			w.must(m.Decode(e.Meta))
			if e.Offset >= next || !m.For(number) {
				continue
			}
			row := m.Row(journal.ScopeSink, sink, pipe, journal.Delivered)
			if int(e.Offset) == refused {
				ev, err := staged.Event(e.Body)
				w.must(err)
				row.Outcome = 0
				tx.DeadLetter(&journal.DeadLetter{
					State: journal.DeadOpen, Pipeline: pipe, Sink: sink, Source: source, Code: "too_large",
					Reason: "the row for " + email + " is too large", Attempts: 1, FirstAt: w.now, LastAt: w.now, Staged: e.Offset,
					Event: e.Body, EventID: ev.ID.String(), MessageID: ev.MessageID, RawOffset: ev.RawOffset, Row: row,
				})
				row.Outcome = journal.DeadLettered
				tx.Count(row, 1)
				continue
			}
			tx.Count(row, 1)
			if b.Events == 0 {
				first = e.Offset
			}
			b.Last = e.Offset
			b.Events++
		}
		if b.Events > 0 {
			v, err := json.Marshal(b)
			w.must(err)
			tx.Batch(name, first, v)
		}
		tx.SetCursor(name, journal.Cursor{Offset: next})
	})
}

func (w *world) reject(tx *journal.Tx, raw uint64) *staged.Note {
	d := &journal.DeadLetter{
		State: journal.DeadOpen, Pipeline: pipe, Source: source, Code: "malformed", Reason: "no MessageSid from " + phone,
		Attempts: 1, FirstAt: w.now, LastAt: w.now, RawOffset: raw, Body: []byte("To=" + phone),
		Row: journal.Row{Scope: journal.ScopePipeline, Name: pipe, Source: source},
	}
	tx.DeadLetter(d)
	return &staged.Note{Outcome: journal.DeadLettered, By: byParse, Detail: fmt.Sprintf("dead letter %d: %s", d.ID, d.Code)}
}

// full is a world in which everything has happened once:
//
//	request 0: SM1, delivered to both sinks
//	request 1: SM1 again, a duplicate, and SM2, for facts, a dead letter there
//	request 2: no event
//	request 3: not understood, a dead letter
//	request 4: SM3, filtered
//	request 5: SM4, waits for stream, delivered to facts
//	request 6: not processed yet, not authenticated
func full(t testing.TB) *world {
	w := newWorld(t)
	tick := func() { w.now = w.now.Add(4 * time.Millisecond) }
	both := []uint32{w.facts, w.stream}

	w.receive("MessageSid=SM1&To="+phone, true)
	tick()
	sm1 := w.event(1, 0, "SM1", phone)
	sm1.ReceivedAt, sm1.Time = start, start
	sm1.SetAttr("account_tier", "gold")
	sm1.SetAttr(sdk.AttrText, "Your code is 1234")
	sm1.SetAttr(sdk.AttrURL, "https://example.com/u?mail="+email)
	w.step(1, one{event: sm1, to: both})
	tick()
	w.deliver(facts, 1, -1)
	w.deliver(events, 1, -1)

	w.receive("MessageSid=SM1&MessageSid=SM2", true)
	again, sm2 := w.event(1, 1, "SM1", phone), w.event(2, 1, "SM2", email)
	sm2.RawIndex, sm2.ErrorReason = 1, "550 no mailbox "+email
	tick()
	w.step(2, one{event: again, note: &staged.Note{Outcome: journal.Duplicate, By: "dedup", Detail: "of " + eventID(1).String()}},
		one{event: sm2, to: []uint32{w.facts}})
	tick()
	w.deliver(facts, 3, 2)

	w.receive("ping", true)
	w.receive("To="+phone, true)
	silent := func(raw uint64) sdk.Event {
		return sdk.Event{ID: eventID(int(100 + raw)), ReceivedAt: w.now, Time: w.now, Source: source, Provider: "twilio", RawOffset: raw}
	}
	var note *staged.Note
	w.commit(func(tx *journal.Tx) { note = w.reject(tx, 3) })
	w.step(4, one{event: silent(2), note: &staged.Note{Outcome: journal.Ignored, By: byParse, Detail: "no_events"}},
		one{event: silent(3), note: note})
	tick()

	w.receive("MessageSid=SM3", true)
	w.receive("MessageSid=SM4", true)
	w.step(6, one{event: w.event(3, 4, "SM3", phone), note: &staged.Note{Outcome: journal.Filtered, By: "filter", Detail: "main.hcl:15"}},
		one{event: w.event(4, 5, "SM4", phone), to: both})
	tick()
	w.deliver(facts, 7, -1)
	w.receive("MessageSid=SM5", false)
	return w
}
