package pipeline

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

// TestLateRetry proves I6 for dead letters that are tried again long after the
// window in which they were received: one fact that is in two of them counts once
// if they are tried within a window of each other.
func TestLateRetry(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, func(b *bed) []stage.Stage { return dedupOn(b, time.Hour) })
	b.receive("bad 1 a")
	b.now = b.now.Add(10 * time.Minute)
	b.receive("bad 1 a")
	b.work(10)
	dead := b.dead()
	if len(dead) != 2 {
		t.Fatalf("dead letters: got %d, want 2", len(dead))
	}
	b.understand()
	b.now = b.now.Add(10 * time.Hour)
	for i, id := range []string{"2 b", "3 c"} {
		b.now = b.now.Add(20 * time.Minute) // what is old is dropped with the next batch
		b.receive(id)
		b.work(1)
		if err := b.lane.again(context.Background(), dead[i].ID); err != nil {
			t.Fatalf("retry %d: %v", i, err)
		}
	}
	if got := b.words(); got != "b a c" {
		t.Errorf("got %q, want b a c", got)
	}
	b.balanced()
}

// TestRetryClockBack proves I6 for a retry while the clock is set back by more
// than the window (F24): what came of it is still known once the clock is right.
func TestRetryClockBack(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, func(b *bed) []stage.Stage { return dedupOn(b, time.Hour) })
	b.receive("bad 1 a")
	b.work(1)
	b.understand()
	right := b.now
	b.now = right.Add(-10 * time.Hour)
	if err := b.lane.again(context.Background(), b.dead()[0].ID); err != nil {
		t.Fatalf("retry: %v", err)
	}
	for i, body := range []string{"2 b", "3 c", "1 a-again"} {
		b.now = right.Add(time.Duration(i) * 10 * time.Minute)
		b.receive(body)
		b.work(1)
	}
	if got := b.words(); got != "a b c" {
		t.Errorf("got %q, want a b c", got)
	}
	b.balanced()
}

// understand has the plugin understand what it refused before.
func (b *bed) understand() {
	b.plugin.parse = func(ds []sdk.Delivery) (*wire.ParseResponse, error) {
		for i := range ds {
			ds[i].Body = []byte(strings.ReplaceAll(string(ds[i].Body), "bad ", ""))
		}
		return parseLines(ds)
	}
}
