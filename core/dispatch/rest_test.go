package dispatch

import (
	"context"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/yield"
	"github.com/patchbay-io/patchbay/sdk"
)

// TestBusy: while the receiver is busy a dispatcher rests after what is new, and
// goes straight on with what has waited, so that it catches up.
func TestBusy(t *testing.T) {
	t.Parallel()
	const took = 10 * time.Millisecond
	for name, c := range map[string]struct {
		busy      bool
		age, want time.Duration
	}{
		"idle":     {false, 0, 0},
		"new":      {true, 0, 4 * took},
		"half way": {true, yield.Behind / 2, 2 * took},
		"behind":   {true, yield.Behind, 0},
		"an hour":  {true, time.Hour, 0},
	} {
		b := cleanBed(t, Options{Idempotency: sdk.Keyed, MaxEvents: 1, Busy: func() bool { return c.busy }})
		b.stage("a", "b")
		b.clock.advance(max(0, c.age-took)) // the write takes the rest
		if c.age == 0 {
			b.clock.advance(-took)
		}
		var ended time.Time
		b.sink.answer = func(_ context.Context, w write) ([]sdk.Outcome, error) {
			b.clock.advance(took)
			if len(b.sink.writes) == 1 {
				ended = b.clock.Now()
			}
			return make([]sdk.Outcome, len(w.events)), nil
		}
		b.drain()
		if len(b.sink.writes) != 2 {
			t.Fatalf("%s: got %d writes, want 2", name, len(b.sink.writes))
		}
		if got := b.sink.writes[1].at.Sub(ended); got != c.want {
			t.Errorf("%s: got a rest of %v, want %v", name, got, c.want)
		}
		b.balanced()
	}
}
