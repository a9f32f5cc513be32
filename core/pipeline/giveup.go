package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/sdk"
)

// GiveUp makes dead letters of the requests below end that the lane has not
// taken yet, for a lane that is configured no more. Extra is what the cursor
// keeps besides. It returns how many there were, and must not be called beside
// Run.
func (l *Lane) GiveUp(ctx context.Context, end uint64, extra []byte, code, reason string) (n int, err error) {
	from := l.o.Journal.Cursor(l.cursor).Offset
	for from < end && ctx.Err() == nil {
		entries, err := l.o.Raw.Read(from, int(min(end-from, uint64(l.o.MaxRequests))), l.o.MaxBytes)
		if errors.Is(err, journal.ErrTrimmed) {
			// What is gone waited for nobody.
			if from, err = l.o.Raw.First(); err == nil {
				continue
			}
		}
		if err == nil && len(entries) == 0 {
			return n, nil
		}
		if err == nil {
			p := &parsed{entries: entries}
			for i := range entries {
				p.verdicts = append(p.verdicts, sdk.Verdict{Delivery: i, Code: code, Reason: reason})
			}
			err = l.commitWith(ctx, p, extra)
		}
		if err != nil {
			return n, fmt.Errorf("pipeline %q, source %s: give up: %w", l.o.Pipeline, l.o.Source, err)
		}
		n += len(entries)
		from = entries[len(entries)-1].Offset + 1
	}
	return n, ctx.Err()
}
