package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/core/tap"
	"github.com/patchbay-io/patchbay/core/yield"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/rs/zerolog"
)

// Options describe one lane: one source of one pipeline.
type Options struct {
	Pipeline string
	Source   string // address, e.g. "twilio.support"
	Provider string // the source's type
	// Open reports whether the source authenticates nothing by choice; otherwise
	// a request that was stored without authentication is a dead letter.
	Open    func() bool
	Journal *journal.Journal
	Raw     *journal.Log
	Staged  *journal.Log
	Plugin  Plugin
	Stages  []stage.Stage
	// Targets are the numbers of the pipeline's own sinks; Sinks names every
	// number, those of routes included.
	Targets []uint32
	Sinks   map[uint32]string
	Log     zerolog.Logger
	Now     func() time.Time
	// Batch bounds; zero means 512 requests and 1 MiB.
	MaxRequests, MaxBytes int
	// MaxWait is the least time between an incomplete batch and the one before
	// it, so that batches grow with the load while a lone request waits for
	// nothing. Zero means 20 ms.
	MaxWait time.Duration
	// Busy reports whether acknowledgements need the machine more; the lane then
	// rests (yield.Rest). Nil means never.
	Busy func() bool
	// Oldest is that of stage.Batch, for all lanes of the pipeline together. Nil
	// means that this lane is the only one.
	Oldest func(now time.Time) (time.Time, error)
	// Tap shows people what passes; nil means nobody looks. Names are those of
	// the stages, as StageNames gives them; without, stages are not shown.
	Tap   *tap.Hub
	Names []string
	// ParseTimeout is how long the plugin may take for a batch. Zero means 30 s.
	ParseTimeout time.Duration
}

// Lane carries one source's requests into one pipeline's staged log.
type Lane struct {
	o      Options
	cursor string
	parser *parser
	redo   chan redo
	writer writer
	held   atomic.Bool // the plugin parses nothing at the moment
	pause  func(ctx context.Context, d time.Duration) bool
}

// CursorName is the name of the cursor of a lane.
func CursorName(pipeline, source string) string { return "lane/" + pipeline + "/" + source }

// ParseCursorName reads what CursorName wrote.
func ParseCursorName(name string) (pipeline, source string, ok bool) {
	rest, ok := strings.CutPrefix(name, "lane/")
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, "/")
}

// New returns a lane that Run will run.
func New(o Options) *Lane {
	if o.MaxRequests == 0 {
		o.MaxRequests = journal.MaxChunkEntries
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = journal.MaxChunkBytes
	}
	if o.MaxWait == 0 {
		o.MaxWait = 20 * time.Millisecond
	}
	if o.ParseTimeout == 0 {
		o.ParseTimeout = 30 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &Lane{
		o: o, cursor: CursorName(o.Pipeline, o.Source), redo: make(chan redo), pause: pause,
		parser: &parser{plugin: o.Plugin, timeout: o.ParseTimeout, retry: wait, newest: func() ([]journal.Entry, error) {
			return o.Raw.Read(max(1, o.Raw.Tail())-1, 1, 1)
		}},
	}
	if l.o.Oldest == nil {
		l.o.Oldest = l.Oldest
	}
	l.writer.o = &l.o
	return l
}

// wait sleeps before another attempt: full jitter up to 5 s.
func wait(ctx context.Context, attempt int) error {
	if !pause(ctx, rand.N(min(5*time.Second, 50*time.Millisecond<<min(attempt, 10)))) {
		return ctx.Err()
	}
	return nil
}

// pause sleeps; false means that ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Backlog is the number of stored requests that the lane has not taken yet.
func (l *Lane) Backlog() uint64 {
	return l.o.Raw.Tail() - min(l.o.Raw.Tail(), l.o.Journal.Cursor(l.cursor).Offset)
}

// Oldest returns when the oldest request was received that the lane has not
// carried yet, or now if none waits.
func (l *Lane) Oldest(now time.Time) (time.Time, error) {
	from := l.o.Journal.Cursor(l.cursor).Offset
	entries, err := l.o.Raw.Read(from, 1, 1)
	if errors.Is(err, journal.ErrTrimmed) {
		if from, err = l.o.Raw.First(); err == nil {
			entries, err = l.o.Raw.Read(from, 1, 1)
		}
	}
	if err != nil || len(entries) == 0 {
		return now, err
	}
	o, err := decodeOrigin(l.o.Source, l.o.Provider, entries[0])
	if err != nil {
		return now, err
	}
	return o.delivery.ReceivedAt, nil
}

// Held reports whether the lane gets nowhere because its plugin parses nothing.
func (l *Lane) Held() bool { return l.held.Load() }

// Address names the lane for people.
func (l *Lane) Address() string { return l.o.Pipeline + " from " + l.o.Source }

// Pipeline and Source name what the lane connects.
func (l *Lane) Pipeline() string { return l.o.Pipeline }

// Source is the address of the lane's source.
func (l *Lane) Source() string { return l.o.Source }

// Run carries requests until ctx ends. It returns nil then, and an error only if
// the journal fails or is corrupt: the lane then stands, loudly (I10).
func (l *Lane) Run(ctx context.Context) error {
	l.o.Tap.Declare(l.o.Pipeline, l.o.Names)
	ctx, cancel := context.WithCancel(ctx)
	batches := make(chan *parsed)
	failed := make(chan error, 1)
	go func() {
		defer close(batches)
		failed <- l.fetch(ctx, batches)
	}()
	err := l.commitAll(ctx, batches)
	cancel()
	for range batches {
		// fetch may be offering one more; it ends with ctx.
	}
	err = errors.Join(err, <-failed)
	if err != nil {
		return fmt.Errorf("pipeline %q, source %s: %w", l.o.Pipeline, l.o.Source, err)
	}
	return nil
}

// fetch reads and parses ahead of commitAll, by one batch.
func (l *Lane) fetch(ctx context.Context, out chan<- *parsed) error {
	from := l.o.Journal.Cursor(l.cursor).Offset
	var last time.Time // when the last batch was taken
	held := 0          // times in a row that the plugin parsed nothing
	for {
		if wait := time.Until(last.Add(l.o.MaxWait)); wait > 0 && l.o.Raw.Tail()-min(from, l.o.Raw.Tail()) < uint64(l.o.MaxRequests) {
			if !pause(ctx, wait) {
				return nil
			}
		}
		entries, err := l.o.Raw.Read(from, l.o.MaxRequests, l.o.MaxBytes)
		if errors.Is(err, journal.ErrTrimmed) {
			// Only possible for a source that joins a pipeline late.
			if from, err = l.o.Raw.First(); err == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			select {
			case <-l.o.Raw.Changed(from):
				continue
			case <-ctx.Done():
				return nil
			}
		}
		last = time.Now()
		p, err := l.parser.parse(ctx, entries)
		switch {
		case err == nil:
			held = 0
			l.held.Store(false)
		case ctx.Err() != nil || errors.Is(err, errStopped):
			return nil
		case errors.Is(err, errHeld):
			// Whatever has come meanwhile may show whether it is the plugin.
			held++
			l.held.Store(true)
			l.o.Log.Warn().Err(err).Int("requests", len(entries)).Int("times", held).Msg("lane is held, will try again")
			if l.parser.retry(ctx, held) != nil {
				return nil
			}
			continue
		default:
			return err
		}
		select {
		case out <- p:
		case <-ctx.Done():
			return nil
		}
		newest := entries[len(entries)-1]
		if l.o.Busy != nil && l.o.Busy() {
			o, err := decodeOrigin(l.o.Source, l.o.Provider, newest)
			if err != nil {
				return err
			}
			if !l.pause(ctx, yield.Rest(time.Since(last), l.o.Now().Sub(o.delivery.ReceivedAt))) {
				return nil
			}
		}
		from = newest.Offset + 1
	}
}

func (l *Lane) commitAll(ctx context.Context, in <-chan *parsed) error {
	for {
		select {
		case p, ok := <-in:
			if !ok {
				return nil
			}
			if err := l.commit(ctx, p); err != nil {
				if errors.Is(err, journal.ErrClosed) || ctx.Err() != nil {
					return nil
				}
				return err
			}
		case r := <-l.redo:
			r.answer <- l.again(ctx, r.id)
		case <-ctx.Done():
			return nil
		}
	}
}

// commit is the one atomic step (I7).
func (l *Lane) commit(ctx context.Context, p *parsed) error { return l.commitWith(ctx, p, nil) }

// commitWith has the cursor keep extra besides.
func (l *Lane) commitWith(ctx context.Context, p *parsed, extra []byte) error {
	tx := l.o.Journal.Begin()
	rec := l.o.Tap.Begin()
	if err := l.step(ctx, tx, p, nil, rec); err != nil {
		tx.Discard()
		return err
	}
	last := p.entries[len(p.entries)-1].Offset
	tx.SetCursor(l.cursor, journal.Cursor{Offset: last + 1, Extra: extra})
	if err := tx.Commit(journal.Durable); err != nil {
		return err
	}
	rec.Publish() // I2: what is shown has happened
	return nil
}

// step adds to tx everything that follows from p. again, if not nil, is the dead
// letter whose request p is: of a refused part only that part counts, because
// its neighbours have been accounted for.
func (l *Lane) step(ctx context.Context, tx *journal.Tx, p *parsed, again *journal.DeadLetter, rec *tap.Recorder) error {
	origins := make([]*origin, len(p.entries))
	for i, e := range p.entries {
		o, err := decodeOrigin(l.o.Source, l.o.Provider, e)
		if err != nil {
			return err
		}
		origins[i] = o
	}
	w := &l.writer
	w.begin(tx, rec)
	account := make([]int, len(p.entries)) // events and verdicts by request
	b := stage.Batch{Items: make([]stage.Item, 0, len(p.events)), Tx: tx, Now: l.o.Now(), Retried: again != nil, Oldest: l.o.Oldest}
	b.Env.Now = b.Now
	places := p.places()
	for i := range p.events {
		e := &p.events[i]
		d := e.DeliveryIndex()
		account[d]++
		o := origins[d]
		if l.quarantined(o) || (again != nil && again.Part && e.PayloadOffset != again.PartOffset) {
			continue
		}
		ids := e.Identities
		o.complete(e, places[i])
		e.ClearDelivery()
		b.Items = append(b.Items, stage.Item{Event: e, Identities: ids, Order: xxhash.Sum64String(orderKey(e))})
	}
	if err := l.apply(ctx, &b, rec); err != nil {
		return err
	}
	for i := range b.Items {
		w.item(&b.Items[i])
	}
	for _, v := range p.verdicts {
		account[v.Delivery]++
		if again != nil && again.Part {
			continue
		}
		if !l.quarantined(origins[v.Delivery]) {
			w.verdict(origins[v.Delivery], v)
		}
	}
	for i, n := range account {
		switch {
		case l.quarantined(origins[i]):
			w.reject(origins[i], sdk.Verdict{Code: CodeUnauthenticated, Reason: "stored in quarantine; retry lets it in"})
		case n == 0:
			w.verdict(origins[i], sdk.Verdict{Ignored: true, Code: "no_events"})
		}
	}
	if again == nil {
		tx.Count(w.row(journal.Parsed), int64(len(p.entries)))
	}
	return w.end()
}

// quarantined reports whether the request may not count yet.
func (l *Lane) quarantined(o *origin) bool { return !o.delivery.Authenticated && !l.o.Open() }
