package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/sdk"
	"pgregory.net/rapid"
)

// TestOrderUnderRetries proves I5: what comes later in a message waits for what
// has to be tried again; other messages pass.
func TestOrderUnderRetries(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, Options{Idempotency: sdk.Keyed})
	b.stage("a", "b", "a", "c")
	first := true
	b.sink.answer = func(_ context.Context, w write) ([]sdk.Outcome, error) {
		if first {
			first = false
			return retry(len(w.events), 0, 2), nil
		}
		return make([]sdk.Outcome, len(w.events)), nil
	}
	b.turn(context.Background())
	if s := b.d.Status(); s.State != Retrying || s.Error != "later" {
		t.Errorf("state: got %+v, want retrying", s)
	}
	b.stage("b", "a")
	b.drain()
	var a []string
	for _, w := range b.sink.writes[1:] {
		for _, e := range w.events {
			if e.MessageID == "a" {
				a = append(a, e.StatusCode)
			}
		}
	}
	if got := strings.Join(a, " "); got != "0 2 5" {
		t.Errorf("I5: events of message a: got %s, want 0 2 5", got)
	}
	if s := b.d.Status(); s.State != Running || s.Error != "" || s.Backlog != 0 {
		t.Errorf("state: got %+v, want running", s)
	}
	b.balanced()
}

// TestUnknownBatchIsRepeatedAsItWas proves I4 for sinks that tell a repeat by
// the batch's id: after an error and after a crash, the same batch, however much
// has come meanwhile, and even where the destination failed in between.
func TestUnknownBatchIsRepeatedAsItWas(t *testing.T) {
	t.Parallel()
	for _, idem := range []sdk.Idempotency{sdk.Atomic, sdk.TokenWindow} {
		for _, crash := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s crash=%v", idem, crash), func(t *testing.T) {
				t.Parallel()
				b := cleanBed(t, Options{Idempotency: idem})
				b.stage("a", "b", "c")
				answers := []error{errors.New("connection reset"), &sdk.Failure{Class: sdk.Transient}}
				b.sink.answer = func(_ context.Context, w write) ([]sdk.Outcome, error) {
					if len(answers) > 0 {
						err := answers[0]
						answers = answers[1:]
						return nil, err
					}
					return make([]sdk.Outcome, len(w.events)), nil
				}
				for len(b.sink.writes) < 2 {
					b.turn(context.Background())
					b.stage("d")
					if crash {
						b.restart(b.fs)
					}
				}
				b.drain()
				for i, w := range b.sink.writes[:3] {
					if w.id != b.sink.writes[0].id || w.messages() != b.sink.writes[0].messages() {
						t.Errorf("write %d: got %s of %s, want %s of %s", i, w.id, w.messages(), b.sink.writes[0].id, b.sink.writes[0].messages())
					}
				}
				for _, e := range b.sink.writes[2].events {
					if !e.MaybeWritten {
						t.Errorf("event %s of message %s is not flagged as maybe written", e.StatusCode, e.MessageID)
					}
				}
				b.balanced()
			})
		}
	}
}

// TestMaybeWrittenSurvives proves I4 for sinks that look before they write:
// whatever may have landed is flagged, also after a restart before the repeat.
func TestMaybeWrittenSurvives(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(n int) ([]sdk.Outcome, error){
		"whole batch": func(int) ([]sdk.Outcome, error) { return nil, errors.New("connection reset") },
		"by event": func(n int) ([]sdk.Outcome, error) {
			out := make([]sdk.Outcome, n)
			for i := range out {
				out[i] = sdk.Outcome{Kind: sdk.OutcomeUnknown, Reason: "timeout"}
			}
			return out, nil
		},
	} {
		for _, idem := range []sdk.Idempotency{sdk.Probe, sdk.NotIdempotent} {
			t.Run(name+" "+string(idem), func(t *testing.T) {
				t.Parallel()
				b := cleanBed(t, Options{Idempotency: idem})
				b.stage("a", "b")
				b.sink.answer = func(_ context.Context, w write) ([]sdk.Outcome, error) {
					if len(b.sink.writes) == 1 {
						return answer(len(w.events))
					}
					return make([]sdk.Outcome, len(w.events)), nil
				}
				b.turn(context.Background())
				b.restart(b.fs)
				b.stage("c")
				b.drain()
				for _, w := range b.sink.writes[1:] {
					for _, e := range w.events {
						if want := e.MessageID != "c"; e.MaybeWritten != want {
							t.Errorf("message %s: maybe written %v, want %v", e.MessageID, e.MaybeWritten, want)
						}
					}
				}
				if twice := b.count(journal.PossiblyTwice); idem == sdk.NotIdempotent && twice != 2 {
					t.Errorf("possibly twice: got %d, want 2", twice)
				}
				b.balanced()
			})
		}
	}
}

// TestDoneSurvives proves rule 4: what a sink that is not idempotent has done
// above the cursor is not written again after a power failure.
func TestDoneSurvives(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, Options{Idempotency: sdk.NotIdempotent})
	b.stage("a", "b", "c", "d")
	b.sink.answer = func(_ context.Context, w write) ([]sdk.Outcome, error) {
		if len(b.sink.writes) == 1 {
			return retry(len(w.events), 0, 2), nil
		}
		return make([]sdk.Outcome, len(w.events)), nil
	}
	b.turn(context.Background())
	b.restart(crashed(b.fs, 0, 1))
	b.drain()
	var again []string
	for _, w := range b.sink.writes[1:] {
		for _, e := range w.events {
			again = append(again, e.MessageID)
		}
	}
	if got := strings.Join(again, " "); got != "a c" {
		t.Errorf("I4: written after the crash: got %s, want a c", got)
	}
	b.balanced()
}

// TestBacklog proves I12: the window is bounded whatever waits; notes cost nothing.
func TestBacklog(t *testing.T) {
	t.Parallel()
	const events = 100_000
	b := cleanBed(t, Options{Idempotency: sdk.Keyed, MaxEvents: 64})
	names := make([]string, 500)
	for i := range names {
		names[i] = fmt.Sprint("m", i)
	}
	for range events / len(names) {
		b.stage(names...)
	}
	most := 0
	b.sink.answer = func(_ context.Context, w write) ([]sdk.Outcome, error) {
		most = max(most, len(b.d.win.items))
		if len(b.sink.writes)%50 == 0 {
			return retry(len(w.events), 0), nil
		}
		return make([]sdk.Outcome, len(w.events)), nil
	}
	b.drain()
	if bound := maxInHand*64 + 64; most > bound || most < 64 {
		t.Errorf("I12: events in hand: got %d at most, want 64 to %d", most, bound)
	}
	b.balanced()
}

// TestNotesOnly: a backlog of entries for nobody moves the cursor and writes nothing.
func TestNotesOnly(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, Options{Idempotency: sdk.Keyed})
	for range 20 {
		b.note(500)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.sink.answer = func(_ context.Context, w write) ([]sdk.Outcome, error) {
		cancel() // what comes after the notes was met
		return make([]sdk.Outcome, len(w.events)), nil
	}
	done := make(chan error, 1)
	go func() { done <- b.d.Run(ctx) }()
	b.stage("a")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !b.drained() || len(b.sink.writes) != 1 {
		t.Errorf("got %d writes, %+v, want one and no backlog", len(b.sink.writes), b.d.Status())
	}
}

// TestTrimmed: a cursor below the log's start moves to it.
func TestTrimmed(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, Options{Idempotency: sdk.Keyed})
	b.note(5)
	if _, err := b.log.Trim(t.Context(), 5, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	b.stage("a")
	b.drain()
	b.balanced()
}

// TestNewSinkStartsAtTheEnd: a sink that joins gets what is staged from now on.
func TestNewSinkStartsAtTheEnd(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, Options{Idempotency: sdk.Keyed})
	b.stage("a", "b")
	o := b.d.o
	o.SinkName = "late.sink"
	late, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if c := b.j.Cursor(late.cursor).Offset; c != 2 {
		t.Errorf("cursor of the new sink: got %d, want 2", c)
	}
	b.drain()
	if b.j.Cursor(late.cursor).Offset != 2 {
		t.Error("one sink moved the other's cursor")
	}
}

// TestCanceledWrite: a write that is cut off by the end commits nothing, and is
// repeated as it was.
func TestCanceledWrite(t *testing.T) {
	t.Parallel()
	for _, idem := range []sdk.Idempotency{sdk.Keyed, sdk.Atomic, sdk.NotIdempotent} {
		t.Run(string(idem), func(t *testing.T) {
			t.Parallel()
			b := cleanBed(t, Options{Idempotency: idem})
			b.stage("a", "b")
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			b.sink.answer = func(ctx context.Context, w write) ([]sdk.Outcome, error) {
				if len(b.sink.writes) == 1 {
					cancel()
					return nil, ctx.Err()
				}
				return make([]sdk.Outcome, len(w.events)), nil
			}
			if err := b.d.Run(ctx); err != nil {
				t.Fatalf("run: %v", err)
			}
			if b.count(journal.Delivered) != 0 || b.drained() {
				t.Error("a canceled write was counted")
			}
			b.restart(b.fs)
			b.drain()
			if first, second := b.sink.writes[0], b.sink.writes[1]; idem != sdk.Keyed && first.id != second.id {
				t.Errorf("batch id: got %s, want %s", second.id, first.id)
			}
			b.balanced()
		})
	}
}

// TestRememberedBatch: what explain reads names the events a write left out.
func TestRememberedBatch(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, Options{Idempotency: sdk.Keyed})
	b.stage("a", "b", "c", "d")
	b.sink.answer = func(_ context.Context, w write) ([]sdk.Outcome, error) {
		if len(b.sink.writes) == 1 {
			return retry(len(w.events), 1, 2), nil
		}
		return make([]sdk.Outcome, len(w.events)), nil
	}
	b.turn(context.Background())
	err := b.j.Batches(b.d.cursor, 0, func(first uint64, v []byte) bool {
		got, err := DecodeBatch(v)
		if err != nil || first != 0 || got.Last != 3 || got.Events != 2 || !slices.Equal(got.Skipped, []uint64{1, 2}) {
			t.Errorf("batch at %d: got %+v, %v, want 0 and 3 without 1 and 2", first, got, err)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzProgress(f *testing.F) {
	f.Add((&progress{done: []uint64{1, 5, 9}, plan: []uint64{2, 3}, maybe: []uint64{4}}).encode())
	f.Add((&progress{plan: []uint64{1 << 60}}).encode())
	f.Add([]byte{1, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 5, 0, 0})
	f.Fuzz(func(t *testing.T, v []byte) {
		p, err := decodeProgress(v)
		if err != nil {
			return
		}
		again, err := decodeProgress(p.encode())
		if err != nil || !slices.Equal(again.done, p.done) || !slices.Equal(again.plan, p.plan) || !slices.Equal(again.maybe, p.maybe) {
			t.Fatalf("got %+v, %v, want %+v", again, err, p)
		}
		for _, l := range [][]uint64{p.done, p.plan, p.maybe} {
			if !slices.IsSorted(l) {
				t.Fatalf("not ascending: %v", l)
			}
		}
	})
}

func TestJitter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		attempt := rapid.IntRange(1, 1<<20).Draw(t, "attempt")
		limit := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "limit"))
		if d := jitter(attempt, limit); d <= 0 || d > limit+time.Millisecond {
			t.Fatalf("jitter(%d, %s): got %s", attempt, limit, d)
		}
	})
}
