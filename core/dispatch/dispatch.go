package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/staged"
	"github.com/patchbay-io/patchbay/core/tap"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/rs/zerolog"
)

// Sink writes batches. Calls from several dispatchers may overlap; the
// implementation puts them in a row.
type Sink interface {
	// Write delivers n events; see sdk.Client.Write for parts, outcomes and
	// errors. It bounds its own time.
	Write(ctx context.Context, parts [][]byte, n int, batchID, pipeline string) ([]sdk.Outcome, error)
}

// Options describe a Dispatcher.
type Options struct {
	Pipeline string
	SinkName string // address, e.g. "sqlite.facts"
	Number   uint32 // of the sink, in entries' targets
	Journal  *journal.Journal
	Staged   *journal.Log
	Sink     Sink
	// Idempotency is what the sink declares.
	Idempotency sdk.Idempotency
	// MaxEvents and MaxBytes bound a batch; zero means 512 and 1 MiB. MaxWait is
	// the least time between an incomplete batch and the one before it, so that
	// batches grow with the load while a lone event waits for nothing; zero
	// means 50 ms.
	MaxEvents, MaxBytes int
	MaxWait             time.Duration
	// Busy reports whether acknowledgements need the machine more; the
	// dispatcher then rests (yield.Rest). Nil means never.
	Busy func() bool
	// Tap shows people what passes; nil means nobody looks.
	Tap *tap.Hub
	// MaxBackoff bounds the wait between attempts; zero means 60 s.
	MaxBackoff time.Duration
	// PoisonAttempts is how often an event is written, while others get
	// through, before it is a dead letter; zero means 8.
	PoisonAttempts int
	// Attempts is how often the sink may ask for an event to be tried again before
	// it is a dead letter, in place of PoisonAttempts too. Zero means as often as
	// it takes.
	Attempts int
	// MaxAge is how long after it was staged an event that could not be written
	// becomes a dead letter. Zero means never.
	MaxAge time.Duration
	Log    zerolog.Logger
	Now    func() time.Time
}

// The states of a Dispatcher.
const (
	Running  = "running"
	Retrying = "retrying" // some events wait for another attempt
	Paused   = "paused"   // the breaker is open
)

// Status is a Dispatcher's state for people.
type Status struct {
	Pipeline string    `json:"pipeline"`
	Sink     string    `json:"sink"`
	State    string    `json:"state"`
	Cursor   uint64    `json:"cursor"`
	Backlog  uint64    `json:"backlog"` // entries not settled yet, notes included
	InHand   int       `json:"in_hand"`
	Error    string    `json:"error,omitempty"`
	Until    time.Time `json:"until,omitzero"` // when a paused sink is tried again
	Since    time.Time `json:"since"`          // when the state began
}

// Dispatcher delivers one pipeline's events to one sink.
type Dispatcher struct {
	o       Options
	cursor  string
	win     window
	limit   int       // events a batch, halved while batches fail whole
	plan    []*item   // a batch that was in flight when the process died
	okAt    time.Time // last write in which something was done
	wroteAt time.Time // begin of the last write
	brk     breaker
	redo    chan redo
	// timer starts a timer and returns its channel and what stops it.
	timer func(time.Duration) (<-chan time.Time, func() bool)

	mu     sync.Mutex
	status Status
}

// New returns a Dispatcher that Run will run. A sink that is new to the pipeline
// gets the events staged from now on; that position is durable when New returns.
func New(o Options) (*Dispatcher, error) {
	if o.MaxEvents == 0 {
		o.MaxEvents = 512
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 20
	}
	if o.MaxWait == 0 {
		o.MaxWait = 50 * time.Millisecond
	}
	if o.MaxBackoff == 0 {
		o.MaxBackoff = time.Minute
	}
	if o.PoisonAttempts == 0 {
		o.PoisonAttempts = 8
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	d := &Dispatcher{o: o, cursor: CursorName(o.Pipeline, o.SinkName), limit: o.MaxEvents, redo: make(chan redo), timer: realTimer}
	d.brk.max = o.MaxBackoff
	d.status = Status{Pipeline: o.Pipeline, Sink: o.SinkName, State: Running, Since: o.Now()}
	if _, known := o.Journal.Cursors()[d.cursor]; !known {
		tx := o.Journal.Begin()
		tx.SetCursor(d.cursor, journal.Cursor{Offset: o.Staged.Tail()})
		if err := tx.Commit(journal.Durable); err != nil {
			return nil, fmt.Errorf("dispatch: first cursor of %s: %w", o.SinkName, err)
		}
	}
	c := o.Journal.Cursor(d.cursor)
	p, err := decodeProgress(c.Extra)
	if err != nil {
		return nil, fmt.Errorf("dispatch: %s: %w", d.cursor, err)
	}
	d.win = window{next: c.Offset, done: map[uint64]bool{}}
	for _, off := range p.done {
		d.win.done[off] = true
	}
	return d, d.reloadPlan(p)
}

// reloadPlan takes the batch that was in flight back into the window, and what
// else may have taken effect.
func (d *Dispatcher) reloadPlan(p progress) error {
	offs := slices.Concat(p.plan, p.maybe)
	if len(offs) == 0 {
		return nil
	}
	last := slices.Max(offs)
	for d.win.next <= last {
		if n, err := d.read(int(last - d.win.next + 1)); err != nil || n == 0 {
			return errors.Join(err, errIf(n == 0, fmt.Errorf("%w: planned events of %s are gone", journal.ErrCorrupt, d.o.SinkName)))
		}
	}
	for _, it := range d.win.items {
		if it.done || !slices.Contains(offs, it.entry.Offset) {
			continue
		}
		it.maybe = true
		if _, planned := slices.BinarySearch(p.plan, it.entry.Offset); planned {
			d.plan = append(d.plan, it)
		}
	}
	return nil
}

func errIf(cond bool, err error) error {
	if cond {
		return err
	}
	return nil
}

// Status returns where the dispatcher stands.
func (d *Dispatcher) Status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.status
	s.Cursor = d.o.Journal.Cursor(d.cursor).Offset
	s.Backlog = d.o.Staged.Tail() - min(d.o.Staged.Tail(), s.Cursor)
	return s
}

func (d *Dispatcher) setState(state, err string, until time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.status.State != state {
		d.status.Since = d.o.Now()
	}
	d.status.State, d.status.Error, d.status.Until = state, err, until
	d.status.InHand = len(d.win.items)
}

// maxInHand bounds the window, in batches: how far past a waiting event the
// dispatcher goes on.
const maxInHand = 4

// Run delivers until ctx ends, then returns nil once the batch in hand is
// settled. It returns an error if the journal fails.
func (d *Dispatcher) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := d.turn(ctx); err != nil {
			if errors.Is(err, journal.ErrClosed) || ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("dispatch: pipeline %q, sink %s: %w", d.o.Pipeline, d.o.SinkName, err)
		}
	}
	return nil
}

// turn writes one batch, or waits for something to do.
func (d *Dispatcher) turn(ctx context.Context) error {
	select {
	case r := <-d.redo:
		r.answer <- d.again(ctx, r.id)
	default:
	}
	until := d.brk.until
	if d.plan != nil && d.plan[0].notBefore.After(until) {
		until = d.plan[0].notBefore
	}
	if until.After(d.o.Now()) {
		return d.wait(ctx, until, false)
	}
	skipped, err := d.fill(ctx)
	if err != nil {
		return err
	}
	batch, wake := d.plan, time.Time{}
	if batch == nil {
		batch, wake = d.win.due(d.o.Now(), d.limit, d.o.MaxBytes)
	}
	if len(batch) == 0 {
		// What was done before a restart may be all that is left.
		if skipped || (len(d.win.items) > 0 && d.win.items[0].done) {
			return d.settle(nil)
		}
		return d.wait(ctx, wake, true)
	}
	if err := d.write(ctx, batch); err != nil {
		return err
	}
	if d.o.Busy != nil && d.o.Busy() {
		return d.rest(ctx, batch[len(batch)-1].entry.Offset)
	}
	return nil
}

// fill reads ahead, and lingers if what is there fills no batch and the batch
// before it was written less than MaxWait ago.
func (d *Dispatcher) fill(ctx context.Context) (skipped bool, err error) {
	if d.plan != nil {
		return false, nil
	}
	deadline := d.wroteAt.Add(d.o.MaxWait)
	for ctx.Err() == nil && len(d.win.items) < maxInHand*d.o.MaxEvents && d.win.bytes < maxInHand*d.o.MaxBytes {
		before := len(d.win.items)
		n, err := d.read(d.o.MaxEvents)
		if err != nil {
			return skipped, err
		}
		skipped = skipped || n > len(d.win.items)-before
		if n > 0 {
			if len(d.win.items) >= d.limit || d.win.bytes >= d.o.MaxBytes {
				return skipped, nil
			}
			continue
		}
		if len(d.win.items) == 0 || !d.o.Now().Before(deadline) {
			return skipped, nil
		}
		if err := d.wait(ctx, deadline, true); err != nil || ctx.Err() != nil {
			return skipped, err
		}
	}
	return skipped, nil
}

// read takes up to max entries from the log into the window; n counts all that
// it passed.
func (d *Dispatcher) read(limit int) (n int, err error) {
	es, err := d.o.Staged.Read(d.win.next, limit, d.o.MaxBytes)
	if errors.Is(err, journal.ErrTrimmed) {
		// Nothing that waits is ever trimmed; a cursor below the log's start
		// belongs to a sink that had nothing there.
		first, ferr := d.o.Staged.First()
		if ferr != nil || first <= d.win.next {
			return 0, errors.Join(err, ferr)
		}
		d.win.next = first
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	var m staged.Meta
	for _, e := range es {
		m.Targets = nil
		if err := m.Decode(e.Meta); err != nil {
			return 0, fmt.Errorf("%w: staged entry %d: %w", journal.ErrCorrupt, e.Offset, err)
		}
		d.win.next = e.Offset + 1
		if m.Note == nil && m.For(d.o.Number) {
			d.win.add(e, m)
		}
	}
	return len(es), nil
}

func realTimer(d time.Duration) (<-chan time.Time, func() bool) {
	t := time.NewTimer(d)
	return t.C, t.Stop
}

// wait returns when until has come (if it is set), when there is more to read
// (if news is set), or when ctx ends. It answers retries meanwhile.
func (d *Dispatcher) wait(ctx context.Context, until time.Time, news bool) error {
	var more <-chan struct{}
	if news && len(d.win.items) < maxInHand*d.o.MaxEvents && d.win.bytes < maxInHand*d.o.MaxBytes {
		more = d.o.Staged.Changed(d.win.next)
	}
	var timer <-chan time.Time
	if !until.IsZero() {
		c, stop := d.timer(max(0, until.Sub(d.o.Now())))
		defer stop()
		timer = c
	}
	select {
	case <-more:
	case <-timer:
	case r := <-d.redo:
		r.answer <- d.again(ctx, r.id)
	case <-ctx.Done():
	}
	return nil
}

// keyed reports whether a repeat of any event at any time is harmless.
func (d *Dispatcher) keyed() bool { return d.o.Idempotency == sdk.Keyed }

// sticky reports whether a batch about which nothing is known must be sent again
// as it was: the sink tells a repeat by the batch's id.
func (d *Dispatcher) sticky(batch []*item) bool {
	return (d.o.Idempotency == sdk.Atomic || d.o.Idempotency == sdk.TokenWindow) && batch[0].attempts < d.o.PoisonAttempts
}

// batchID is the same for the same events (I4).
func (d *Dispatcher) batchID(batch []*item) string {
	first, last := batch[0].entry.Offset, batch[len(batch)-1].entry.Offset
	h := xxhash.New()
	for _, it := range batch {
		fmt.Fprintf(h, "%d,", it.entry.Offset)
	}
	return fmt.Sprintf("%s/%s/%d-%d-%016x", d.o.Pipeline, d.o.SinkName, first, last, h.Sum64())
}

// write writes a batch and settles what came of it.
func (d *Dispatcher) write(ctx context.Context, batch []*item) error {
	if !d.keyed() && d.plan == nil {
		if err := d.commitPlan(batch); err != nil {
			return err
		}
	}
	began := d.o.Now()
	d.wroteAt = began
	outcomes, err := d.o.Sink.Write(ctx, parts(batch), len(batch), d.batchID(batch), d.o.Pipeline)
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // whatever happened, a restart finds the plan or repeats
	}
	if err == nil {
		err = d.believable(batch, outcomes)
	}
	res := &result{tx: d.o.Journal.Begin(), now: d.o.Now(), began: began, rec: d.o.Tap.Begin()}
	var failure *sdk.Failure
	switch {
	case err == nil:
		for i, it := range batch {
			if err := d.outcome(res, it, outcomes[i]); err != nil {
				res.tx.Discard()
				return err
			}
		}
		d.brk.close()
		d.limit = min(d.o.MaxEvents, d.limit*2)
	case errors.As(err, &failure):
		d.failed(res, batch, failure)
	default:
		d.unknown(res, batch, err)
	}
	switch {
	case err == nil:
		d.plan = nil
	case failure != nil:
		// This write had no effect. If it repeated one that may have had, it
		// must still be repeated as it was.
	case d.sticky(batch):
		d.plan = batch
	default:
		d.plan = nil
	}
	if err != nil {
		if err := d.expire(res, batch, err); err != nil {
			res.tx.Discard()
			return err
		}
	}
	if failure == nil && !d.brk.until.After(res.now) {
		d.showWaiting()
	}
	if err := d.settle(res); err != nil {
		return err
	}
	res.rec.Publish() // I2: what is shown has happened
	return nil
}

// believable turns outcomes that cannot be acted on into an error about which
// nothing is known: too few or too many (I13), or an unknown one from a sink
// that tells repeats by the whole batch.
func (d *Dispatcher) believable(batch []*item, outcomes []sdk.Outcome) error {
	if len(outcomes) != len(batch) {
		return fmt.Errorf("%w: wrote %d events, got %d outcomes", sdk.ErrProtocol, len(batch), len(outcomes))
	}
	for _, o := range outcomes {
		if o.Kind == sdk.OutcomeUnknown && d.sticky(batch) {
			return fmt.Errorf("outcome unknown: %s", o.Reason)
		}
	}
	return nil
}

// showWaiting sets the state that the events in hand speak of.
func (d *Dispatcher) showWaiting() {
	for _, it := range d.win.items {
		if !it.done && it.attempts > 0 {
			d.setState(Retrying, it.reason, time.Time{})
			return
		}
	}
	d.setState(Running, "", time.Time{})
}

// commitPlan makes the batch durable before it is written.
func (d *Dispatcher) commitPlan(batch []*item) error {
	tx := d.o.Journal.Begin()
	p := d.progress(batch)
	tx.SetCursor(d.cursor, journal.Cursor{Offset: d.first(), Extra: p.encode()})
	return tx.Commit(journal.Durable)
}

// progress is what a restart must know beside the cursor. For a sink to which
// repeats are harmless that is only what is done already.
func (d *Dispatcher) progress(plan []*item) progress {
	p := progress{done: d.win.doneAbove()}
	if d.keyed() {
		return p
	}
	for _, it := range plan {
		p.plan = append(p.plan, it.entry.Offset)
	}
	for _, it := range d.win.items {
		if it.maybe && !it.done && !slices.Contains(plan, it) {
			p.maybe = append(p.maybe, it.entry.Offset)
		}
	}
	return p
}

// first is the offset of the first unresolved entry.
func (d *Dispatcher) first() uint64 {
	if len(d.win.items) == 0 {
		return d.win.next
	}
	return d.win.items[0].entry.Offset
}
