package dispatch

import (
	"context"
	"errors"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/yield"
)

// rest gives way to acknowledgements after a write that ended with the entry at
// newest.
func (d *Dispatcher) rest(ctx context.Context, newest uint64) error {
	at, err := d.o.Staged.StoredAt(newest)
	if errors.Is(err, journal.ErrTrimmed) {
		return nil // as old as can be
	}
	if err != nil {
		return err
	}
	now := d.o.Now()
	if rest := yield.Rest(now.Sub(d.wroteAt), now.Sub(at)); rest > 0 {
		return d.wait(ctx, now.Add(rest), false)
	}
	return nil
}
