package dispatch

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/staged"
	"github.com/patchbay-io/patchbay/core/tap"
	"github.com/patchbay-io/patchbay/sdk"
)

// result gathers what one write leads to.
type result struct {
	tx         *journal.Tx
	now, began time.Time
	done       int
	offsets    []uint64
	rec        *tap.Recorder
}

func (d *Dispatcher) count(res *result, it *item, o journal.Outcome) {
	res.tx.Count(it.meta.Row(journal.ScopeSink, d.o.SinkName, d.o.Pipeline, o), 1)
}

func (d *Dispatcher) outcome(res *result, it *item, o sdk.Outcome) error {
	switch o.Kind {
	case sdk.OutcomeDone, sdk.OutcomeDuplicate:
		if it.maybe && o.Kind == sdk.OutcomeDone && d.o.Idempotency == sdk.NotIdempotent {
			d.count(res, it, journal.PossiblyTwice)
		}
		d.count(res, it, journal.Delivered)
		d.show(res, it, placeDelivered, "")
		res.done++
		res.offsets = append(res.offsets, it.entry.Offset)
		d.win.resolve(it)
		d.okAt = res.now
	case sdk.OutcomeRejected:
		it.attempts++
		d.deadLetter(res, it, o.Code, o.Reason)
		d.okAt = res.now // the sink is there: it said no
	case sdk.OutcomeUnknown:
		it.maybe = true
		return d.postpone(res, it, o)
	case sdk.OutcomeRetry:
		return d.postpone(res, it, o)
	}
	return nil
}

// retryItem has an item tried again, after what the sink asked for or full jitter.
func (d *Dispatcher) retryItem(res *result, it *item, reason string, wait time.Duration) {
	it.attempts++
	it.reason = reason
	if it.failedAt.IsZero() {
		it.failedAt = res.now
	}
	if wait <= 0 {
		wait = jitter(it.attempts, d.o.MaxBackoff)
	}
	it.notBefore = res.now.Add(wait)
	d.show(res, it, placeRetry, reason)
}

// jitter is a random wait up to 100 ms doubled with each attempt, up to limit.
func jitter(attempt int, limit time.Duration) time.Duration {
	return rand.N(min(limit, 100*time.Millisecond<<min(attempt-1, 20))) + time.Millisecond
}

// failed handles a failure of the destination as a whole: nothing took effect.
func (d *Dispatcher) failed(res *result, batch []*item, f *sdk.Failure) {
	until := d.brk.open(res.now, f)
	for _, it := range batch {
		d.show(res, it, placeRetry, f.Error())
	}
	d.setState(Paused, f.Error(), until)
	d.o.Log.Warn().Str("class", string(f.Class)).Str("code", f.Code).AnErr("cause", f.Err).
		Int("events", len(batch)).Int64("wait_ms", until.Sub(res.now).Milliseconds()).Msg("sink paused")
}

// unknown handles a batch that failed without a word: each of its events may
// have taken effect, and one of them may be the reason.
func (d *Dispatcher) unknown(res *result, batch []*item, err error) {
	for _, it := range batch {
		it.maybe = true
	}
	if len(batch) > 1 {
		for _, it := range batch {
			d.show(res, it, placeRetry, err.Error())
		}
		batch[0].attempts++
		if !d.sticky(batch) {
			d.limit = (len(batch) + 1) / 2
		}
		until := d.brk.pause(res.now)
		d.setState(Paused, err.Error(), until)
		d.o.Log.Warn().Err(err).Int("events", len(batch)).Int("next_batch", d.limit).Msg("batch failed whole, trying smaller ones")
		return
	}
	it := batch[0]
	it.solo = true
	d.retryItem(res, it, err.Error(), 0)
	if d.okAt.After(it.failedAt) {
		it.tries++ // others got through since
		if it.tries >= d.poisonAttempts() {
			d.deadLetter(res, it, CodeWriteFailed, err.Error())
			return
		}
	} else {
		// Nobody did: it may well be the destination, and is no fault of the event.
		until := d.brk.open(res.now, &sdk.Failure{Class: sdk.Transient, Err: err})
		d.setState(Paused, err.Error(), until)
	}
	d.o.Log.Warn().Err(err).Uint64("offset", it.entry.Offset).Int("attempt", it.attempts).Msg("event failed alone, will retry")
}

func (d *Dispatcher) poisonAttempts() int {
	if d.o.Attempts > 0 {
		return d.o.Attempts
	}
	return d.o.PoisonAttempts
}

func (d *Dispatcher) deadLetter(res *result, it *item, code, reason string) {
	dl := &journal.DeadLetter{
		State: journal.DeadOpen, Pipeline: d.o.Pipeline, Sink: d.o.SinkName, Code: code, Reason: reason,
		Attempts: max(1, it.attempts), FirstAt: res.now.UTC(), LastAt: res.now.UTC(), Staged: it.entry.Offset,
		Event: slices.Clone(it.entry.Body), Row: it.meta.Row(journal.ScopeSink, d.o.SinkName, d.o.Pipeline, 0),
	}
	if !it.failedAt.IsZero() {
		dl.FirstAt = it.failedAt.UTC()
	}
	if e, err := staged.Event(it.entry.Body); err == nil {
		dl.EventID, dl.MessageID, dl.Source = e.ID.String(), e.MessageID, e.Source
		dl.RawOffset, dl.RawIndex = e.RawOffset, e.RawIndex
	}
	res.tx.DeadLetter(dl)
	d.show(res, it, placeFailed, code+": "+reason)
	d.count(res, it, journal.DeadLettered)
	d.win.resolve(it)
}

// settle commits the outcomes with the cursor (I7, I9). Where a lost commit
// would repeat an effect it is synced first (rule 4).
func (d *Dispatcher) settle(res *result) error {
	tx, durability := d.o.Journal.Begin(), journal.Lazy
	if res != nil {
		tx.Discard()
		tx = res.tx
		if !d.keyed() {
			durability = journal.Durable
		}
		if res.done > 0 {
			tx.Batch(d.cursor, res.offsets[0], encodeBatch(res, d.win.notDone(res.offsets)))
		}
	}
	off := d.win.settle()
	p := d.progress(d.plan)
	tx.SetCursor(d.cursor, journal.Cursor{Offset: off, Extra: p.encode()})
	return tx.Commit(durability)
}

// Batch is what is remembered of a write, for explain.
type Batch struct {
	At      time.Time `json:"at"`
	Took    int64     `json:"took_us"`
	Last    uint64    `json:"last"` // offset of the last event done
	Events  int       `json:"events"`
	Skipped []uint64  `json:"skipped,omitempty"` // offsets between first and last that were not done
}

func encodeBatch(res *result, skipped []uint64) []byte {
	b := Batch{
		At: res.now.UTC(), Took: res.now.Sub(res.began).Microseconds(), Last: res.offsets[len(res.offsets)-1], Events: res.done,
		Skipped: skipped,
	}
	v, _ := json.Marshal(b) // cannot fail: plain fields
	return v
}
