package inspect

import (
	"errors"
	"fmt"
	"time"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/staged"
)

// DeadLetterFilter says which dead letters are asked for. Empty fields ask for
// nothing.
type DeadLetterFilter struct {
	Pipeline, Sink, Source, Code, State string
	// Limit is how many are told; zero means 100.
	Limit int
}

func (f *DeadLetterFilter) matches(d *journal.DeadLetter) bool {
	is := func(want, got string) bool { return want == "" || want == got }
	return is(f.Pipeline, d.Pipeline) && is(f.Sink, d.Sink) && is(f.Source, d.Source) && is(f.Code, d.Code) &&
		is(f.State, string(d.State))
}

// DeadLetterInfo is a dead letter as a person sees it.
type DeadLetterInfo struct {
	ID       uint64    `json:"id"`
	State    string    `json:"state"`
	Pipeline string    `json:"pipeline"`
	Sink     string    `json:"sink,omitempty"` // empty: refused before it reached one
	Source   string    `json:"source"`
	Code     string    `json:"code"`
	Reason   string    `json:"reason,omitempty"`
	Attempts int       `json:"attempts"`
	FirstAt  time.Time `json:"first_at"`
	LastAt   time.Time `json:"last_at"`
	Request  string    `json:"request"`
	// Part says that the rest of the request was understood.
	Part      bool   `json:"part,omitempty"`
	EventID   string `json:"event_id,omitempty"`
	MessageID string `json:"message_id,omitempty"`
	Bytes     int    `json:"bytes"` // of what was refused
	// Event and Body are told by ShowDeadLetter alone, Body only if revealed.
	Event *Event `json:"event,omitempty"`
	Body  []byte `json:"body,omitempty"`
}

func (o Options) deadLetter(d *journal.DeadLetter) DeadLetterInfo {
	return DeadLetterInfo{
		ID: d.ID, State: string(d.State), Pipeline: d.Pipeline, Sink: d.Sink, Source: d.Source, Code: d.Code,
		Reason: o.text(d.Reason), Attempts: d.Attempts, FirstAt: d.FirstAt, LastAt: d.LastAt,
		Request: ref(d.Source, d.RawOffset), Part: d.Part, EventID: d.EventID, MessageID: o.text(d.MessageID),
		Bytes: len(d.Body) + len(d.Event),
	}
}

// DeadLetters calls each for the dead letters that f asks for, oldest first,
// until each returns false. truncated says that there are more.
func DeadLetters(j *journal.Journal, f DeadLetterFilter, o Options, each func(*DeadLetterInfo) bool) (truncated bool, err error) {
	if f.Limit == 0 {
		f.Limit = 100
	}
	n := 0
	err = j.DeadLetters(0, func(d *journal.DeadLetter) bool {
		if !f.matches(d) {
			return true
		}
		if n++; n > f.Limit {
			truncated = true
			return false
		}
		info := o.deadLetter(d)
		return each(&info)
	})
	return truncated, err
}

// ShowDeadLetter tells of one dead letter with its event, or with the refused
// bytes if they may be shown. The error wraps ErrNotFound if there is none.
func ShowDeadLetter(j *journal.Journal, id uint64, o Options) (*DeadLetterInfo, error) {
	d, err := find(j, id)
	if err != nil {
		return nil, err
	}
	info := o.deadLetter(d)
	if o.Reveal {
		info.Body = d.Body
	}
	if len(d.Event) == 0 {
		return &info, nil
	}
	e, err := staged.Event(d.Event)
	if err != nil {
		return nil, fmt.Errorf("%w: event of dead letter %d: %w", journal.ErrCorrupt, id, err)
	}
	r, err := newReader(j, o)
	if err != nil {
		return nil, err
	}
	c := &chunk{pipeline: d.Pipeline, entries: []journal.Entry{{Offset: d.Staged}}}
	out := r.event(c, 0, e, new(staged.Meta))
	info.Event = &out
	if o.Reveal {
		info.Body = e.SourcePayload
	}
	return &info, nil
}

func find(j *journal.Journal, id uint64) (*journal.DeadLetter, error) {
	d, err := j.DeadLetter(id)
	if errors.Is(err, journal.ErrNoDeadLetter) {
		return nil, noDeadLetter(id)
	}
	return d, err
}

// noDeadLetter is the id of none. It wraps ErrNotFound.
type noDeadLetter uint64

// Error says so.
func (id noDeadLetter) Error() string { return fmt.Sprintf("no dead letter has the id %d", uint64(id)) }

// Unwrap returns ErrNotFound.
func (noDeadLetter) Unwrap() error { return ErrNotFound }

// ErrSettled says that a dead letter was retried or discarded before.
var ErrSettled = errors.New("inspect: not open any more")

// Settled is the error about a dead letter that is not open. It wraps ErrSettled.
type Settled struct {
	ID    uint64
	State string
}

// Error says what became of it.
func (s *Settled) Error() string { return fmt.Sprintf("dead letter %d is %s already", s.ID, s.State) }

// Unwrap returns ErrSettled.
func (s *Settled) Unwrap() error { return ErrSettled }

// Discard gives an open dead letter up: it stays, marked, and the ledger counts
// it as discarded from then on (I3). Nothing else may change the dead letter at
// the same time.
func Discard(j *journal.Journal, id uint64, now time.Time) (*DeadLetterInfo, error) {
	d, err := find(j, id)
	if err != nil {
		return nil, err
	}
	if d.State != journal.DeadOpen {
		return nil, &Settled{id, string(d.State)}
	}
	d.State, d.LastAt = journal.DeadDiscarded, now.UTC()
	tx := j.Begin()
	tx.UpdateDeadLetter(d)
	row := d.Row
	row.Outcome = journal.DeadLettered
	tx.Count(row, -1)
	row.Outcome = journal.Discarded
	tx.Count(row, 1)
	if err := tx.Commit(journal.Durable); err != nil {
		return nil, fmt.Errorf("inspect: discard dead letter %d: %w", id, err)
	}
	info := Options{}.deadLetter(d)
	return &info, nil
}
