package dispatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/sdk"
)

type redo struct {
	id     uint64
	answer chan error
}

// ErrStillRejected says that a dead letter was written again and refused again.
var ErrStillRejected = errors.New("refused again")

// Retry writes a dead letter of this sink again. It returns nil once it is done,
// ErrStillRejected if the sink refused it again, and another error if the sink
// could not be asked. It needs Run.
func (d *Dispatcher) Retry(ctx context.Context, id uint64) error {
	r := redo{id, make(chan error, 1)}
	select {
	case d.redo <- r:
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

func (d *Dispatcher) again(ctx context.Context, id uint64) error {
	dl, err := d.o.Journal.DeadLetter(id)
	if err != nil {
		return err
	}
	if dl.State != journal.DeadOpen || dl.Pipeline != d.o.Pipeline || dl.Sink != d.o.SinkName {
		return fmt.Errorf("dispatch: dead letter %d is %s", id, dl.State)
	}
	out, err := d.o.Sink.Write(ctx, [][]byte{flagged(dl.Event)}, 1, fmt.Sprintf("%s/%s/dead-letter-%d", d.o.Pipeline, d.o.SinkName, id), d.o.Pipeline)
	if err != nil {
		return fmt.Errorf("dispatch: dead letter %d: %w", id, err)
	}
	dl.Attempts++
	dl.LastAt = d.o.Now().UTC()
	tx := d.o.Journal.Begin()
	var result error
	switch o := out[0]; o.Kind {
	case sdk.OutcomeDone, sdk.OutcomeDuplicate:
		dl.State = journal.DeadResolved
		row := dl.Row
		for outcome, n := range map[journal.Outcome]int64{journal.DeadLettered: -1, journal.Delivered: 1, journal.Replayed: 1} {
			row.Outcome = outcome
			tx.Count(row, n)
		}
	case sdk.OutcomeRejected:
		dl.Code, dl.Reason = o.Code, o.Reason
		result = fmt.Errorf("%w: %s: %s", ErrStillRejected, o.Code, o.Reason)
	case sdk.OutcomeRetry, sdk.OutcomeUnknown:
		result = fmt.Errorf("dispatch: dead letter %d: not now: %s", id, o.Reason)
	}
	tx.UpdateDeadLetter(dl)
	if err := tx.Commit(journal.Durable); err != nil {
		return err
	}
	return result
}
