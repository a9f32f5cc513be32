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

// asks has the sink ask for event number to be tried again, each time.
func asks(number string) func(context.Context, write) ([]sdk.Outcome, error) {
	return func(_ context.Context, w write) ([]sdk.Outcome, error) {
		out := make([]sdk.Outcome, len(w.events))
		for i, e := range w.events {
			if e.StatusCode == number {
				out[i] = sdk.Outcome{Kind: sdk.OutcomeRetry, Reason: "busy"}
			}
		}
		return out, nil
	}
}

// TestAttempts: an event that its sink asks for again is tried as often as the
// pipeline says, and then is a dead letter; without that, for as long as it takes.
func TestAttempts(t *testing.T) {
	t.Parallel()
	for _, attempts := range []int{1, 3} {
		b := cleanBed(t, Options{Idempotency: sdk.Keyed, Attempts: attempts})
		b.stage("a", "b", "a")
		b.sink.answer = asks("0")
		b.drain()
		dead := b.deadLetters()
		if len(dead) != 1 || dead[0].Code != CodeGaveUp || dead[0].Attempts != attempts || dead[0].RawOffset != 0 {
			t.Fatalf("attempts = %d: got %+v, want event 0 given up after as many", attempts, dead)
		}
		if want := fmt.Sprintf("tried %d times: busy", attempts); dead[0].Reason != want {
			t.Errorf("reason: got %q, want %q", dead[0].Reason, want)
		}
		if got := b.count(journal.Delivered); got != 2 {
			t.Errorf("delivered: got %d, want 2", got)
		}
		b.balanced()
	}
	b := cleanBed(t, Options{Idempotency: sdk.Keyed})
	b.stage("a")
	b.sink.answer = func(ctx context.Context, w write) ([]sdk.Outcome, error) {
		if len(b.sink.writes) < 100 {
			return asks("0")(ctx, w)
		}
		return make([]sdk.Outcome, len(w.events)), nil
	}
	b.drain()
	if dead := b.deadLetters(); len(dead) != 0 {
		t.Errorf("without attempts: got %d dead letters, want none", len(dead))
	}
}

// TestOutageBurnsNoAttempts: while nobody gets through, nothing counts against an
// event, not even against one that is written alone.
func TestOutageBurnsNoAttempts(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]error{
		"told":   &sdk.Failure{Class: sdk.Transient, Code: "away"},
		"silent": errors.New("connection reset"),
	} {
		for _, idem := range []sdk.Idempotency{sdk.Keyed, sdk.Atomic, sdk.NotIdempotent} {
			t.Run(name+" "+string(idem), func(t *testing.T) {
				t.Parallel()
				b := cleanBed(t, Options{Idempotency: idem, Attempts: 2})
				b.stage("a", "b", "c")
				failures := 0
				b.sink.answer = func(_ context.Context, w write) ([]sdk.Outcome, error) {
					if len(b.sink.writes) <= 60 {
						return nil, outage
					}
					// One more failure of its own, once others got through.
					if len(w.events) == 1 && w.events[0].StatusCode == "0" && b.count(journal.Delivered) > 0 && failures == 0 {
						failures++
						return nil, errors.New("again")
					}
					return make([]sdk.Outcome, len(w.events)), nil
				}
				b.drain()
				if dead := b.deadLetters(); len(dead) != 0 {
					t.Errorf("dead letters: got %+v, want none", dead[0])
				}
				b.balanced()
			})
		}
	}
}

// TestPoisonAttempts: an event that fails alone while others get through is given
// up after as many failures of its own as the pipeline says.
func TestPoisonAttempts(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, Options{Idempotency: sdk.Keyed, Attempts: 2, MaxEvents: 4})
	b.stage("a", "b", "c", "d", "e", "f")
	own, first := 0, int64(-1) // failures since others got through; how many had before it failed alone
	b.sink.answer = func(_ context.Context, w write) ([]sdk.Outcome, error) {
		for _, e := range w.events {
			if e.StatusCode == "2" {
				if len(w.events) == 1 {
					if first < 0 {
						first = b.count(journal.Delivered)
					} else if b.count(journal.Delivered) > first {
						own++
					}
				}
				return nil, errors.New("fell over")
			}
		}
		return make([]sdk.Outcome, len(w.events)), nil
	}
	b.drain()
	dead := b.deadLetters()
	if len(dead) != 1 || dead[0].Code != CodeWriteFailed || dead[0].RawOffset != 2 {
		t.Fatalf("dead letters: got %+v, want event 2", dead)
	}
	if own != 2 {
		t.Errorf("failures of its own: got %d, want 2", own)
	}
	b.balanced()
}

// TestMaxAge: what could not be written within max_age becomes a dead letter, an
// outage included; its age survives a restart, and what came later is kept.
func TestMaxAge(t *testing.T) {
	t.Parallel()
	for _, idem := range []sdk.Idempotency{sdk.Keyed, sdk.Atomic, sdk.TokenWindow, sdk.Probe, sdk.NotIdempotent} {
		for name, outage := range map[string]error{
			"told":   &sdk.Failure{Class: sdk.AuthFailed, Code: "401"},
			"silent": errors.New("connection reset"),
		} {
			t.Run(string(idem)+" "+name, func(t *testing.T) {
				t.Parallel()
				b := cleanBed(t, Options{Idempotency: idem, MaxAge: time.Hour, MaxEvents: 2})
				b.stage("a", "b", "c")
				b.sink.answer = func(context.Context, write) ([]sdk.Outcome, error) { return nil, outage }
				for range 5 {
					b.turn(context.Background())
				}
				b.restart(b.fs)
				if dead := b.deadLetters(); len(dead) != 0 {
					t.Fatalf("before its time: got %+v", dead[0])
				}
				b.clock.advance(2 * time.Hour)
				b.drain()
				dead := b.deadLetters()
				if len(dead) != 3 {
					t.Fatalf("dead letters: got %d, want 3", len(dead))
				}
				for _, d := range dead {
					if d.Code != CodeTooOld || d.Attempts < 1 || !strings.Contains(outage.Error(), d.Reason) {
						t.Errorf("got %+v, want too_old with the outage as its reason", d)
					}
				}
				b.balanced()
				// It can still be written by hand.
				b.sink.answer = nil
				if err := b.d.again(context.Background(), dead[0].ID); err != nil {
					t.Errorf("retry: %v", err)
				}
			})
		}
	}
}

// TestMaxAgeOfOne: an event that is asked for again is given up by its age alone,
// and events that are written take no harm from theirs.
func TestMaxAgeOfOne(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, Options{Idempotency: sdk.Keyed, MaxAge: time.Hour})
	b.stage("a", "b")
	b.clock.advance(2 * time.Hour)
	b.sink.answer = asks("1")
	b.drain()
	dead := b.deadLetters()
	if len(dead) != 1 || dead[0].Code != CodeTooOld || dead[0].RawOffset != 1 || dead[0].Reason != "busy" {
		t.Fatalf("dead letters: got %+v, want event 1", dead)
	}
	if got := b.count(journal.Delivered); got != 1 {
		t.Errorf("delivered: got %d, want 1: an old event that is written is no failure", got)
	}
	b.balanced()
}

// TestMaxAgeKeepsBatches proves I4: a batch that must be repeated as it was loses
// none of its events before all of them are old enough.
func TestMaxAgeKeepsBatches(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, Options{Idempotency: sdk.Atomic, MaxAge: time.Hour})
	b.stage("a")
	b.clock.advance(59 * time.Minute)
	b.stage("b")
	b.sink.answer = func(context.Context, write) ([]sdk.Outcome, error) { return nil, errors.New("reset") }
	b.turn(context.Background())
	b.clock.advance(2 * time.Minute) // now the first of the two is too old
	for len(b.sink.writes) < 4 {
		b.turn(context.Background())
	}
	for i, w := range b.sink.writes {
		if w.id != b.sink.writes[0].id || len(w.events) != 2 {
			t.Errorf("write %d: got %s of %d events, want %s again", i, w.id, len(w.events), b.sink.writes[0].id)
		}
	}
	if dead := b.deadLetters(); len(dead) != 0 {
		t.Errorf("dead letters: got %d while one event is young, want none", len(dead))
	}
}
