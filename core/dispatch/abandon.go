package dispatch

import (
	"context"
	"fmt"

	"github.com/patchbay-io/patchbay/core/journal"
)

// GiveUp makes dead letters of all events that wait for the sink, which is
// configured no more; o.Sink is not needed. It returns how many there were. No
// Dispatcher of the same sink and pipeline may run.
func GiveUp(ctx context.Context, o Options, code, reason string) (n int, err error) {
	d, err := New(o)
	if err != nil {
		return 0, err
	}
	end := o.Staged.Tail()
	for ctx.Err() == nil {
		for d.win.next < end && len(d.win.items) < d.o.MaxEvents && d.win.bytes < d.o.MaxBytes {
			if _, err := d.read(d.o.MaxEvents); err != nil {
				return n, fmt.Errorf("dispatch: give up %s: %w", o.SinkName, err)
			}
		}
		res := &result{tx: d.o.Journal.Begin(), now: d.o.Now()}
		before := n
		for _, it := range d.win.items {
			if it.done {
				continue
			}
			why := reason
			if it.maybe {
				why += "; an earlier write of it may have taken effect"
			}
			d.deadLetter(res, it, code, why)
			n++
		}
		d.plan = nil
		if err := d.settle(res); err != nil {
			return before, fmt.Errorf("dispatch: give up %s: %w", o.SinkName, err)
		}
		if d.win.next >= end {
			return n, d.finish()
		}
	}
	return n, ctx.Err()
}

// finish makes the cursor durable whatever the sink's kind: nobody will repeat
// what a lazy commit lost.
func (d *Dispatcher) finish() error {
	tx := d.o.Journal.Begin()
	p := d.progress(nil)
	tx.SetCursor(d.cursor, journal.Cursor{Offset: d.first(), Extra: p.encode()})
	return tx.Commit(journal.Durable)
}
