package dispatch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/sdk"
	"pgregory.net/rapid"
)

// crashed is the disk after a power failure that kept a part of what was not synced.
func crashed(fs *vfs.MemFS, keep int, seed uint64) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: keep, RNG: rand.New(rand.NewPCG(seed, 1))})
}

// world is a destination that outlives every crash of ours.
type world struct {
	t       *rapid.T
	b       *bed
	idem    sdk.Idempotency
	effects map[string]int // by event number
	batches map[string]bool
	durable map[string]bool // done and committed: must not come again
	pending []string        // done in the write under way
	order   map[string]int  // message: number of the latest first effect
	crash   *vfs.MemFS
	cancel  context.CancelFunc
	calm    bool // no more trouble
}

// apply lets events take effect as a sink of its class does.
func (w *world) apply(id string, events []*sdk.Event) {
	if (w.idem == sdk.Atomic || w.idem == sdk.TokenWindow) && w.batches[id] {
		return
	}
	w.batches[id] = true
	for _, e := range events {
		n := e.StatusCode
		if w.refuses(e) {
			continue
		}
		if w.idem == sdk.Keyed && w.effects[n] > 0 {
			continue
		}
		if w.idem == sdk.Probe && e.MaybeWritten && w.effects[n] > 0 {
			continue
		}
		if w.effects[n] == 0 {
			seq, _ := strconv.Atoi(n)
			if last, ok := w.order[e.MessageID]; ok && seq < last {
				w.t.Errorf("I5: first effect of %d of message %s after %d", seq, e.MessageID, last)
			}
			w.order[e.MessageID] = seq
		}
		w.effects[n]++
	}
}

// refuses reports whether the destination will never accept e. A sink that takes
// a batch as a whole refuses none here.
func (w *world) refuses(e *sdk.Event) bool {
	return w.idem != sdk.Atomic && w.idem != sdk.TokenWindow && e.RawOffset%11 == 7
}

func (w *world) write(_ context.Context, wr write) ([]sdk.Outcome, error) {
	w.pending = w.pending[:0]
	for _, e := range wr.events {
		if w.idem == sdk.NotIdempotent && w.durable[e.StatusCode] {
			w.t.Errorf("rule 4: event %s was durably done and is written again", e.StatusCode)
		}
	}
	choice := rapid.IntRange(0, 9).Draw(w.t, "write")
	if w.calm {
		choice = 9
	}
	switch choice {
	case 0: // nothing happened
		return nil, &sdk.Failure{Class: sdk.Transient}
	case 1: // lost before it arrived
		return nil, errors.New("lost")
	case 2: // arrived, the answer is lost
		w.apply(wr.id, wr.events)
		return nil, errors.New("lost answer")
	case 3, 4: // the power fails, with or without an effect
		if choice == 4 {
			w.apply(wr.id, wr.events)
		}
		w.powerFailure()
		return nil, context.Canceled
	case 5, 6:
		if w.idem != sdk.Atomic && w.idem != sdk.TokenWindow {
			return w.mixed(wr), nil
		}
	}
	w.apply(wr.id, wr.events)
	out := make([]sdk.Outcome, len(wr.events))
	for i, e := range wr.events {
		if w.refuses(e) {
			out[i] = sdk.Outcome{Kind: sdk.OutcomeRejected, Code: "c"}
			continue
		}
		w.pending = append(w.pending, e.StatusCode)
	}
	return out, nil
}

func (w *world) powerFailure() {
	keep := rapid.SampledFrom([]int{0, 50, 100}).Draw(w.t, "keep")
	w.crash = crashed(w.b.fs, keep, rapid.Uint64().Draw(w.t, "seed"))
	w.cancel()
}

// mixed gives each event an outcome of its own, keeping a message's order as the
// contract asks.
func (w *world) mixed(wr write) []sdk.Outcome {
	out := make([]sdk.Outcome, len(wr.events))
	held := map[string]bool{}
	for i, e := range wr.events {
		kind := rapid.SampledFrom([]sdk.OutcomeKind{
			sdk.OutcomeDone, sdk.OutcomeDone, sdk.OutcomeDuplicate, sdk.OutcomeRetry, sdk.OutcomeUnknown,
		}).Draw(w.t, "outcome")
		switch {
		case held[e.MessageID]:
			kind = sdk.OutcomeRetry
		case w.refuses(e):
			kind = sdk.OutcomeRejected
		case kind == sdk.OutcomeDuplicate && (w.effects[e.StatusCode] == 0 || w.idem == sdk.NotIdempotent):
			kind = sdk.OutcomeDone
		}
		out[i] = sdk.Outcome{Kind: kind, Code: "c", Reason: "r"}
		switch kind {
		case sdk.OutcomeDone:
			w.apply(wr.id, wr.events[i:i+1])
			w.pending = append(w.pending, e.StatusCode)
		case sdk.OutcomeDuplicate:
			w.pending = append(w.pending, e.StatusCode)
		case sdk.OutcomeRetry:
			held[e.MessageID] = true
		case sdk.OutcomeUnknown:
			held[e.MessageID] = true
			if rapid.Bool().Draw(w.t, "landed") {
				w.apply(wr.id, wr.events[i:i+1])
			}
		case sdk.OutcomeRejected:
		}
	}
	return out
}

// TestEveryEventEndsOnce proves I3, I4, I5 and I9: whatever the sink answers and
// whenever the power fails, each event ends delivered or as a dead letter,
// counted once, with one effect where the sink can tell a repeat.
func TestEveryEventEndsOnce(t *testing.T) {
	t.Parallel()
	for _, idem := range []sdk.Idempotency{sdk.Keyed, sdk.Atomic, sdk.TokenWindow, sdk.Probe, sdk.NotIdempotent} {
		t.Run(string(idem), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { everyEventEndsOnce(t, idem) })
		})
	}
}

func everyEventEndsOnce(t *rapid.T, idem sdk.Idempotency) {
	b := newBed(t, Options{Idempotency: idem, MaxEvents: 5, PoisonAttempts: 1 << 30})
	defer func() { b.close() }()
	w := &world{
		t: t, b: b, idem: idem, effects: map[string]int{}, batches: map[string]bool{}, durable: map[string]bool{}, order: map[string]int{},
	}
	b.sink.answer = w.write
	for round := range 16 {
		w.calm = round > 8
		if !w.calm {
			b.stage(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 6).Draw(t, "stage")...)
			if rapid.Bool().Draw(t, "notes") {
				b.note(2)
			}
		}
		for turns := 0; !b.drained() && (turns < 6 || w.calm); turns++ {
			w.turn()
		}
	}
	if !b.drained() {
		t.Fatalf("not drained: %+v", b.d.Status())
	}
	b.balanced()
	dead := map[string]bool{}
	for _, d := range b.deadLetters() {
		n := fmt.Sprint(d.RawOffset)
		if dead[n] {
			t.Errorf("I3: event %s is a dead letter twice", n)
		}
		dead[n] = true
	}
	for i := range b.n {
		n := fmt.Sprint(i)
		switch got := w.effects[n]; {
		case dead[n]:
		case got == 0:
			t.Errorf("I4: event %s has no effect", n)
		case got > 1 && idem != sdk.NotIdempotent:
			t.Errorf("I4: event %s has %d effects", n, got)
		}
	}
	if idem == sdk.NotIdempotent && b.count(journal.PossiblyTwice) < int64(twice(w.effects)) {
		t.Errorf("possibly twice: counted %d, really %d", b.count(journal.PossiblyTwice), twice(w.effects))
	}
}

func twice(effects map[string]int) (n int) {
	for _, c := range effects {
		if c > 1 {
			n++
		}
	}
	return n
}

// turn is one turn of the dispatcher, and the restart if the power fails in it.
func (w *world) turn() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.cancel = cancel
	w.b.turn(ctx)
	if w.crash == nil {
		for _, n := range w.pending {
			w.durable[n] = true
		}
		w.pending = w.pending[:0]
		if !w.calm && rapid.IntRange(0, 7).Draw(w.t, "crash after") == 0 {
			w.powerFailure()
		}
	}
	if w.crash != nil {
		fs := w.crash
		w.crash = nil
		w.b.restart(fs)
	}
}
