package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/sdk"
)

type redo struct {
	id     uint64
	answer chan error
}

// ErrStillRejected says that a dead letter was tried again and refused again.
var ErrStillRejected = errors.New("refused again")

// Retry has a dead letter of this lane parsed again. It returns nil once the
// events are staged, or were before, and ErrStillRejected if it remains a dead
// letter. It needs Run.
func (l *Lane) Retry(ctx context.Context, id uint64) error {
	r := redo{id, make(chan error, 1)}
	select {
	case l.redo <- r:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// again parses the request of a dead letter once more and commits what comes of
// it together with the dead letter's new state.
func (l *Lane) again(ctx context.Context, id uint64) error {
	d, err := l.o.Journal.DeadLetter(id)
	if err != nil {
		return err
	}
	if d.State != journal.DeadOpen || d.Pipeline != l.o.Pipeline || d.Source != l.o.Source || d.Sink != "" {
		return fmt.Errorf("pipeline: dead letter %d is %s", id, d.State)
	}
	entries, err := l.o.Raw.Read(d.RawOffset, 1, 1)
	if err == nil && len(entries) == 0 {
		err = journal.ErrTrimmed
	}
	if err != nil {
		return fmt.Errorf("pipeline: read the request of dead letter %d: %w", id, err)
	}
	p, err := l.parser.once(ctx, entries)
	if err != nil {
		if ctx.Err() != nil || errors.Is(err, errStopped) {
			return err
		}
		return l.refusedAgain(d, sdk.Verdict{Code: CodePluginFailed, Reason: failureText(err)})
	}
	if v, bad := stillBad(p, d); bad {
		return l.refusedAgain(d, v)
	}
	// Trying a quarantined request again is a person's leave to let it in.
	lane := &Lane{o: l.o, cursor: l.cursor}
	lane.o.Open = func() bool { return true }
	lane.writer.o = &lane.o
	tx := l.o.Journal.Begin()
	rec := l.o.Tap.Begin()
	if err := lane.step(ctx, tx, p, d, rec); err != nil {
		tx.Discard()
		return err
	}
	d.State, d.LastAt = journal.DeadResolved, l.o.Now().UTC()
	d.Attempts++
	tx.UpdateDeadLetter(d)
	tx.Count(l.row(journal.DeadLettered), -1)
	tx.Count(l.row(journal.Replayed), 1)
	if err := tx.Commit(journal.Durable); err != nil {
		return err
	}
	rec.Publish()
	return nil
}

func (l *Lane) row(o journal.Outcome) journal.Row {
	return journal.Row{Scope: journal.ScopePipeline, Name: l.o.Pipeline, Source: l.o.Source, Outcome: o}
}

// stillBad finds the verdict that keeps d a dead letter. A part that gives
// neither an event nor a verdict is one still: resolving it would lose it.
func stillBad(p *parsed, d *journal.DeadLetter) (sdk.Verdict, bool) {
	for _, v := range p.verdicts {
		if !v.Ignored && (!v.Part || (d.Part && v.Offset == d.PartOffset)) {
			return v, true
		}
	}
	if d.Part && !slices.ContainsFunc(p.events, func(e sdk.Event) bool { return e.PayloadOffset == d.PartOffset }) {
		return sdk.Verdict{Code: CodeNoEvent, Reason: "the part gives no event"}, true
	}
	return sdk.Verdict{}, false
}

func (l *Lane) refusedAgain(d *journal.DeadLetter, v sdk.Verdict) error {
	d.LastAt, d.Code, d.Reason = l.o.Now().UTC(), v.Code, v.Reason
	d.Attempts++
	tx := l.o.Journal.Begin()
	tx.UpdateDeadLetter(d)
	if err := tx.Commit(journal.Durable); err != nil {
		return err
	}
	return fmt.Errorf("%w: %s: %s", ErrStillRejected, v.Code, v.Reason)
}
