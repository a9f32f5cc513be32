package inspect

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/staged"
	"github.com/patchbay-io/patchbay/sdk"
)

// reader is one question to a journal. It is used by one goroutine, once.
type reader struct {
	j       *journal.Journal
	o       Options
	sinks   map[uint32]string           // by their numbers
	cursors map[string]journal.Cursor   // as of the beginning
	settled map[string]dispatch.Settled // by cursor
	dead    map[deadKey]*DeadLetterRef  // of sinks; nil until it is needed
}

type deadKey struct {
	pipeline, sink string
	staged         uint64
}

func newReader(j *journal.Journal, o Options) (*reader, error) {
	sinks, err := sinkNames(j)
	if err != nil {
		return nil, err
	}
	return &reader{
		j: j, o: o.withDefaults(), sinks: sinks, cursors: j.Cursors(), settled: map[string]dispatch.Settled{},
	}, nil
}

func sinkNames(j *journal.Journal) (map[uint32]string, error) {
	out := map[uint32]string{}
	for _, name := range j.Logs(journal.SinkName) {
		l, err := j.Log(journal.SinkName, name)
		if err != nil {
			return nil, err
		}
		out[l.Number()] = name
	}
	return out, nil
}

// sinkName is a number's address. A number without a name is only possible in a
// damaged store, which Verify reports.
func (r *reader) sinkName(n uint32) string {
	if name, ok := r.sinks[n]; ok {
		return name
	}
	return fmt.Sprintf("sink number %d", n)
}

// names lists the logs of a kind in order.
func names(j *journal.Journal, kind journal.Kind) []string {
	out := j.Logs(kind)
	slices.Sort(out)
	return out
}

// chunk is a chunk of a staged log.
type chunk struct {
	pipeline string
	base     uint64
	at       time.Time
	entries  []journal.Entry
}

// chunks yields the chunks of a pipeline whose summaries want asks for, newest
// first.
func (r *reader) chunks(ctx context.Context, pipeline string, want func(*staged.Summary) bool) iter.Seq2[*chunk, error] {
	return func(yield func(*chunk, error) bool) {
		l, err := r.j.Log(journal.StagedIn, pipeline)
		if err != nil {
			yield(nil, err)
			return
		}
		var failed error
		stopped := false
		err = l.Summaries(func(base uint64, v []byte) bool {
			if failed = ctx.Err(); failed != nil {
				return false
			}
			s, err := staged.ParseSummary(v)
			if err != nil {
				failed = fmt.Errorf("%w: summary of %s/%d: %w", journal.ErrCorrupt, pipeline, base, err)
				return false
			}
			if !want(&s) {
				return true
			}
			c := &chunk{pipeline: pipeline, base: base}
			if c.entries, c.at, err = l.Chunk(base); err != nil {
				if errors.Is(err, journal.ErrTrimmed) {
					return true // retention was faster
				}
				failed = err
				return false
			}
			stopped = !yield(c, nil)
			return !stopped
		})
		if err = errors.Join(err, failed); err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// decode reads an entry of a chunk.
func (c *chunk) decode(i int) (*sdk.Event, *staged.Meta, error) {
	e := c.entries[i]
	m := new(staged.Meta)
	if err := m.Decode(e.Meta); err != nil {
		return nil, nil, fmt.Errorf("%w: staged entry %s/%d: %w", journal.ErrCorrupt, c.pipeline, e.Offset, err)
	}
	ev, err := staged.Event(e.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: staged entry %s/%d: %w", journal.ErrCorrupt, c.pipeline, e.Offset, err)
	}
	return ev, m, nil
}

// event tells of an entry, without its deliveries.
func (r *reader) event(c *chunk, i int, e *sdk.Event, m *staged.Meta) Event {
	out := Event{
		Pipeline: c.pipeline, Offset: c.entries[i].Offset, StagedAt: c.at, Outcome: journal.Staged.String(), Facts: Describe(e, r.o),
	}
	if n := m.Note; n != nil {
		out.Outcome, out.By, out.Detail = n.Outcome.String(), n.By, r.o.text(n.Detail)
		if n.By == byParse {
			out.EventID, out.Time = "", time.Time{} // it stands for the whole request
		}
	}
	return out
}

// Describe tells what an event is, as people see it.
func Describe(e *sdk.Event, o Options) Facts {
	out := Facts{
		Request: ref(e.Source, e.RawOffset), RawIndex: e.RawIndex, EventID: e.ID.String(), MessageID: o.text(e.MessageID),
		ConversationID: o.text(e.ConversationID), CustomerID: o.text(e.CustomerID), CampaignID: e.CampaignID, Account: e.Account, Provider: e.Provider,
		Channel: e.Channel.String(), Direction: e.Direction.String(), EventType: e.Type.String(),
		DeliveryStatus: e.DeliveryStatus.String(), ProviderStatus: o.text(e.ProviderStatus), StatusCode: o.text(e.StatusCode),
		ErrorReason: o.text(e.ErrorReason), Recipient: o.address(e.Recipient), Sender: o.address(e.Sender),
		Time: e.Time, ReceivedAt: e.ReceivedAt, Source: e.Source,
	}
	for _, a := range e.Attributes {
		if out.Attributes == nil {
			out.Attributes = make(map[string]string, len(e.Attributes))
		}
		out.Attributes[a.Name] = o.attribute(a)
	}
	return out
}

// byParse is the stage in a note about a request that gave no event.
const byParse = "parse"

func ref(source string, offset uint64) string { return fmt.Sprintf("%s/%d", source, offset) }

// deliveries tells what became of an event in each of its sinks.
func (r *reader) deliveries(pipeline string, offset uint64, m *staged.Meta) ([]Delivery, error) {
	var out []Delivery
	for _, n := range m.Targets {
		d, err := r.delivery(pipeline, r.sinkName(n), offset)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Delivery) int { return strings.Compare(a.Sink, b.Sink) })
	return out, nil
}

func (r *reader) delivery(pipeline, sink string, offset uint64) (Delivery, error) {
	name := dispatch.CursorName(pipeline, sink)
	d := Delivery{Sink: sink, State: Waiting}
	s, known := r.settled[name]
	if !known {
		var err error
		if s, err = dispatch.ReadSettled(r.cursors[name]); err != nil {
			return d, err
		}
		r.settled[name] = s
	}
	if !s.Has(offset) {
		d.Ahead = offset - min(offset, r.cursors[name].Offset)
		return d, nil
	}
	d.State = Delivered
	sure, err := r.written(name, offset, &d)
	if err != nil || sure {
		return d, err
	}
	dl, err := r.deadLetterOf(deadKey{pipeline, sink, offset})
	if err != nil || dl == nil {
		return d, err
	}
	d.DeadLetter = dl
	switch journal.DeadLetterState(dl.State) {
	case journal.DeadResolved:
		// A retry brought it there after all.
		d.At, d.Approximate, d.TookMicros, d.Batch = dl.At, false, 0, 1
	case journal.DeadDiscarded:
		d.State, d.At, d.Approximate, d.TookMicros, d.Batch = Discarded, dl.At, false, 0, 0
	default:
		d.State, d.At, d.Approximate, d.TookMicros, d.Batch = DeadLetter, dl.At, false, 0, 0
	}
	return d, nil
}

// reach is how far before an event the batch that wrote it may have begun.
const reach = 8192

// written finds the write that brought an event to a sink. It is sure if that
// write left out nothing between its first and its last event.
func (r *reader) written(reader string, offset uint64, d *Delivery) (sure bool, err error) {
	var failed error
	found := 0
	err = r.j.Batches(reader, offset-min(offset, reach), func(first uint64, v []byte) bool {
		if first > offset {
			return false
		}
		b, err := dispatch.DecodeBatch(v)
		if err != nil {
			failed = err
			return false
		}
		if b.Last < offset || slices.Contains(b.Skipped, offset) {
			return true
		}
		found++
		sure = b.Last-first+1 == uint64(b.Events)
		if found == 1 || sure || b.At.After(d.At) {
			d.At, d.TookMicros, d.Batch = b.At, b.Took, b.Events
		}
		return !sure
	})
	d.Approximate = found > 1 && !sure
	return sure, errors.Join(err, failed)
}

// deadLetterOf finds a sink's dead letter, nil if there is none. All of them are
// read once: there is no index, and few questions need it.
func (r *reader) deadLetterOf(k deadKey) (*DeadLetterRef, error) {
	if r.dead == nil {
		r.dead = map[deadKey]*DeadLetterRef{}
		err := r.j.DeadLetters(0, func(d *journal.DeadLetter) bool {
			if d.Sink != "" {
				r.dead[deadKey{d.Pipeline, d.Sink, d.Staged}] = r.deadRef(d)
			}
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	return r.dead[k], nil
}

func (r *reader) deadRef(d *journal.DeadLetter) *DeadLetterRef {
	return &DeadLetterRef{ID: d.ID, State: string(d.State), Code: d.Code, Reason: r.o.text(d.Reason), At: d.LastAt}
}
