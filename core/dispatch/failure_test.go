package dispatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/sdk"
)

// TestFailuresPause: what is wrong with the destination makes no dead letter; it
// pauses, visibly, for as long as the destination asked.
func TestFailuresPause(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		failure *sdk.Failure
		least   time.Duration
		most    time.Duration
	}{
		{&sdk.Failure{Class: sdk.AuthFailed, Code: "401"}, pauseHuman, time.Minute},
		{&sdk.Failure{Class: sdk.Misconfigured, Code: "no_table"}, pauseHuman, time.Minute},
		{&sdk.Failure{Class: sdk.Throttled, Wait: 42 * time.Second}, 42 * time.Second, 42 * time.Second},
		{&sdk.Failure{Class: sdk.Transient, Wait: 3 * time.Second}, 3 * time.Second, 3 * time.Second},
		{&sdk.Failure{Class: sdk.Transient}, time.Millisecond, time.Minute},
	} {
		t.Run(c.failure.Error()+c.failure.Wait.String(), func(t *testing.T) {
			t.Parallel()
			b := cleanBed(t, Options{Idempotency: sdk.Keyed})
			b.stage("a", "b")
			b.sink.answer = func(_ context.Context, w write) ([]sdk.Outcome, error) {
				if len(b.sink.writes) <= 20 {
					return nil, c.failure
				}
				return make([]sdk.Outcome, len(w.events)), nil
			}
			b.turn(context.Background())
			s := b.d.Status()
			if s.State != Paused || s.Error != c.failure.Error() || !s.Until.After(b.clock.Now()) {
				t.Errorf("status: got %+v, want paused", s)
			}
			b.drain()
			for i := 1; i <= 20; i++ {
				wait := b.sink.writes[i].at.Sub(b.sink.writes[i-1].at)
				if wait < c.least || wait > c.most+time.Millisecond {
					t.Errorf("wait before write %d: got %s, want %s to %s", i, wait, c.least, c.most)
				}
			}
			if dead := b.deadLetters(); len(dead) != 0 {
				t.Errorf("dead letters: got %d, want none", len(dead))
			}
			if s := b.d.Status(); s.State != Running {
				t.Errorf("status: got %+v, want running", s)
			}
			b.balanced()
		})
	}
}

// TestRetryAfter: an event is not written before the time its sink asked for.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, Options{Idempotency: sdk.Keyed})
	b.stage("a")
	b.sink.answer = func(_ context.Context, w write) ([]sdk.Outcome, error) {
		if len(b.sink.writes) == 1 {
			return []sdk.Outcome{{Kind: sdk.OutcomeRetry, Wait: 17 * time.Second}}, nil
		}
		return make([]sdk.Outcome, len(w.events)), nil
	}
	b.drain()
	if wait := b.sink.writes[1].at.Sub(b.sink.writes[0].at); wait < 17*time.Second {
		t.Errorf("wait: got %s, want 17s", wait)
	}
}

// TestPoison proves F21: one event that fails every batch it is in becomes a
// dead letter by itself, everything else is delivered, whatever the sink's class.
func TestPoison(t *testing.T) {
	t.Parallel()
	for _, idem := range []sdk.Idempotency{sdk.Keyed, sdk.Atomic, sdk.TokenWindow, sdk.Probe, sdk.NotIdempotent} {
		t.Run(string(idem), func(t *testing.T) {
			t.Parallel()
			b := cleanBed(t, Options{Idempotency: idem, MaxEvents: 16})
			for i := range 60 {
				b.stage(fmt.Sprintf("m%d", i%30))
			}
			b.sink.answer = func(_ context.Context, w write) ([]sdk.Outcome, error) {
				for _, e := range w.events {
					if e.StatusCode == "21" {
						return nil, errors.New("sink fell over")
					}
				}
				return make([]sdk.Outcome, len(w.events)), nil
			}
			b.drain()
			dead := b.deadLetters()
			if len(dead) != 1 || dead[0].RawOffset != 21 || dead[0].Code != "write_failed" || dead[0].MessageID != "m21" {
				t.Fatalf("dead letters: got %+v, want one of event 21", dead)
			}
			if got := b.count(journal.Delivered); got != 59 {
				t.Errorf("delivered: got %d, want 59", got)
			}
			if s := b.d.Status(); s.State != Running {
				t.Errorf("status: got %+v, want running", s)
			}
			b.balanced()
		})
	}
}

// TestLiar proves I13 (F15): answers that do not fit the batch count as no answer.
func TestLiar(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]func(n int) []sdk.Outcome{
		"fewer": func(n int) []sdk.Outcome { return make([]sdk.Outcome, n-1) },
		"more":  func(n int) []sdk.Outcome { return make([]sdk.Outcome, n+1) },
		"none":  func(int) []sdk.Outcome { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := cleanBed(t, Options{Idempotency: sdk.Keyed})
			b.stage("a", "b", "c")
			b.sink.answer = func(_ context.Context, w write) ([]sdk.Outcome, error) {
				if len(b.sink.writes) < 3 {
					return lie(len(w.events)), nil
				}
				return make([]sdk.Outcome, len(w.events)), nil
			}
			b.turn(context.Background())
			if got := b.count(journal.Delivered); got != 0 {
				t.Errorf("delivered after a lie: got %d, want 0", got)
			}
			if s := b.d.Status(); s.State != Paused || !strings.Contains(s.Error, sdk.ErrProtocol.Error()) {
				t.Errorf("status: got %+v, want paused by %v", s, sdk.ErrProtocol)
			}
			b.drain()
			b.balanced()
		})
	}
}

// TestRejectedAndRetried: a rejected event becomes a dead letter with all that a
// person needs, and may be written again by hand.
func TestRejectedAndRetried(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, Options{Idempotency: sdk.Keyed})
	b.stage("a", "b")
	kind := sdk.OutcomeRejected
	b.sink.answer = func(_ context.Context, w write) ([]sdk.Outcome, error) {
		out := make([]sdk.Outcome, len(w.events))
		out[0] = sdk.Outcome{Kind: kind, Code: "too_long", Reason: "column recipient"}
		return out, nil
	}
	b.drain()
	dead := b.deadLetters()
	if len(dead) != 1 {
		t.Fatalf("dead letters: got %d, want 1", len(dead))
	}
	d := dead[0]
	if d.State != journal.DeadOpen || d.Code != "too_long" || d.Sink != "test.sink" || d.Attempts != 1 || d.MessageID != "a" || len(d.Event) == 0 {
		t.Errorf("dead letter: got %+v", d)
	}
	ctx := context.Background()
	if err := b.d.again(ctx, d.ID); !errors.Is(err, ErrStillRejected) {
		t.Errorf("retry while refused: got %v, want %v", err, ErrStillRejected)
	}
	kind = sdk.OutcomeRetry
	if err := b.d.again(ctx, d.ID); err == nil || errors.Is(err, ErrStillRejected) {
		t.Errorf("retry while busy: got %v, want another error", err)
	}
	kind = sdk.OutcomeDone
	if err := b.d.again(ctx, d.ID); err != nil {
		t.Errorf("retry: %v", err)
	}
	if got, _ := b.j.DeadLetter(d.ID); got.State != journal.DeadResolved || got.Attempts != 4 {
		t.Errorf("after the retry: got %+v, want resolved after 4 attempts", got)
	}
	if err := b.d.again(ctx, d.ID); err == nil {
		t.Error("a resolved dead letter was written again")
	}
	if got := b.count(journal.Replayed); got != 1 {
		t.Errorf("replayed: got %d, want 1", got)
	}
	b.balanced()
}
