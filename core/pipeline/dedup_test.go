package pipeline

import (
	"fmt"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/core/stage/dedup"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

// TestDedup proves I6 across batches, restarts, second identities and the
// window's edge.
func TestDedup(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, dedupFor(time.Hour))
	b.receive("1 a", "1 a-again", "2 b")
	b.work(2)
	b.restart(b.fs)
	b.receive("1 a-restarted", "3 c")
	b.work(10)
	if got := b.words(); got != "a b c" {
		t.Errorf("within the window: got %q, want a b c", got)
	}
	for _, e := range b.entries() {
		if n := e.meta.Note; n != nil && n.Detail != "of test.s/0 event 0" {
			t.Errorf("I6: the duplicate names %q, want the first", n.Detail)
		}
	}
	b.now = b.now.Add(59 * time.Minute)
	b.receive("2 b-late")
	b.work(1)
	if got := b.words(); got != "a b c" {
		t.Errorf("at the window's edge: got %q, want a b c", got)
	}
	// A second identity ties two ids together, also in one batch.
	b.plugin.parse = func(ds []sdk.Delivery) (*wire.ParseResponse, error) {
		out, err := parseLines(ds)
		for _, e := range out.Events {
			e.Identities = []string{"fact"}
		}
		return out, err
	}
	b.receive("8 x", "9 y")
	b.work(10)
	b.receive("10 z")
	b.work(1)
	if got := b.words(); got != "a b c x" {
		t.Errorf("second identities: got %q, want a b c x", got)
	}
	b.balanced()
}

// TestDedupBehind proves I6 for a pipeline that was held up for longer than the
// window: what was received twice within it counts once.
func TestDedupBehind(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, dedupFor(time.Hour))
	for _, id := range []string{"1 a", "2 b", "1 a-again", "3 c", "2 b-again"} {
		b.receive(id)
		b.now = b.now.Add(20 * time.Minute)
	}
	received := b.now.Add(-100 * time.Minute)
	b.now = b.now.Add(10 * time.Hour)
	for want := range 5 {
		got, err := b.lane.Oldest(b.now)
		if w := received.Add(time.Duration(want) * 20 * time.Minute); err != nil || !got.Equal(w) {
			t.Errorf("oldest before step %d: got %v, %v, want %v", want, got, err, w)
		}
		if err := b.one(uint64(want), 1); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.words(); got != "a b c" {
		t.Errorf("got %q, want a b c", got)
	}
	if got, err := b.lane.Oldest(b.now); err != nil || !got.Equal(b.now) {
		t.Errorf("oldest of nothing: got %v, %v, want now", got, err)
	}
	b.balanced()
}

// TestDedupClockJump proves F24: a clock that jumps years ahead and back makes
// the stage forget one bucket at most.
func TestDedupClockJump(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, dedupFor(time.Hour))
	b.receive("1 a")
	b.work(1)
	b.now = b.now.Add(40 * time.Minute)
	start := b.now
	b.receive("2 b")
	b.work(1)
	for _, jump := range []time.Duration{10 * 365 * 24 * time.Hour, 11 * 365 * 24 * time.Hour, -10 * 365 * 24 * time.Hour} {
		b.now = start.Add(jump)
		b.receive(fmt.Sprintf("%d jump", jump))
		b.work(1)
	}
	b.now = start.Add(time.Minute)
	b.receive("2 again", "3 c")
	b.work(10)
	if got := b.words(); got != "a b jump jump jump c" {
		t.Errorf("got %q, want a b jump jump jump c", got)
	}
	b.balanced()
}

// TestDedupClockBack proves I6 for a clock that is set back by more than the
// window while the pipeline is behind (F24): what was received before that and
// is carried after it, and what repeats it then, count once.
func TestDedupClockBack(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, func(b *bed) []stage.Stage { return dedupOn(b, time.Hour) })
	b.receive("1 a", "2 b")
	b.work(1)
	b.receive("2 b-again", "3 c")
	b.now = b.now.Add(-10 * time.Hour)
	b.receive("1 a-again", "4 d")
	for range 3 {
		b.work(1)
		b.now = b.now.Add(20 * time.Minute)
		b.receive("1 a-again", "3 c-again", "4 d-again", "5 e")
	}
	b.work(1)
	if got := b.words(); got != "a b c d e" {
		t.Errorf("got %q, want a b c d e", got)
	}
	b.balanced()
}

// dedupOn is a dedup stage that goes by the bed's clock.
func dedupOn(b *bed, window time.Duration) []stage.Stage {
	s, err := dedup.New(b.j, b.out.Number(), window, func() time.Time { return b.now })
	if err != nil {
		b.t.Fatalf("dedup: %v", err)
	}
	return []stage.Stage{s}
}
