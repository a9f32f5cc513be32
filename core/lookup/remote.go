package lookup

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/expr"
	"golang.org/x/sync/singleflight"
)

// fetcher asks one question.
type fetcher interface {
	// fetch returns the row of key, nil if there is none. A *refusal is about the
	// key, a *later says when to ask again, anything else is an outage. Calls
	// overlap.
	fetch(ctx context.Context, key string) (*expr.Row, error)
	close() error
}

// refusal is an error about one key: asking again will not help.
type refusal struct{ err error }

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// later is an outage whose end the other side told.
type later struct {
	wait time.Duration
	err  error
}

func (l *later) Error() string { return l.err.Error() }
func (l *later) Unwrap() error { return l.err }

const (
	// tries is how often a key is asked before a refusal counts.
	tries = 3
	// firstPause and maxPause bound the pause after an outage, which doubles.
	firstPause = 250 * time.Millisecond
	maxPause   = 30 * time.Second
	// maxAskedPause bounds what the other side may ask for.
	maxAskedPause = time.Hour
)

// Remote is a lookup that asks somebody else.
type Remote struct {
	f     fetcher
	c     *config.Remote
	o     Options
	cache *cache
	same  singleflight.Group
	slots chan struct{} // one a question under way

	// healthy tells that some key was answered since a key was given up without
	// another one to vouch for the other side.
	healthy atomic.Bool

	hits, found, missing, refused, outages, skipped atomic.Int64
	waiting                                         atomic.Int32

	mu       sync.Mutex
	failures int       // outages in a row
	until    time.Time // not asked before
	problem  string
}

func newRemote(f fetcher, c *config.Remote, o Options) *Remote {
	return &Remote{
		f: f, c: c, o: o.withDefaults(), cache: newCache(c.MaxEntries, maxCacheBytes), slots: make(chan struct{}, max(1, c.MaxConnections)),
	}
}

// Run implements Table.
func (r *Remote) Run(ctx context.Context) {
	<-ctx.Done()
	if err := r.f.close(); err != nil {
		r.o.Log.Warn().Str("cause", r.o.Mask(err.Error())).Msg("lookup did not close")
	}
}

// Status implements Table.
func (r *Remote) Status() Status {
	s := Status{
		Rows: r.cache.len(), Hits: r.hits.Load(), Found: r.found.Load(), Missing: r.missing.Load(), Refused: r.refused.Load(),
		Outages: r.outages.Load(), Skipped: r.skipped.Load(), Waiting: int(r.waiting.Load()),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Error, s.AskAgain = r.problem, r.until
	return s
}

// Find implements Table.
func (r *Remote) Find(ctx context.Context, keys []string, rows []*expr.Row) (failed []int, err error) {
	q := &query{r: r, rows: rows, open: map[string][]int{}, refusals: map[string]int{}}
	now := r.o.Now()
	for i, k := range keys {
		if a, ok := r.cache.get(k, now); ok {
			r.hits.Add(1)
			q.fill(a, i)
			continue
		}
		if q.open[k] == nil {
			q.order = append(q.order, k)
		}
		q.open[k] = append(q.open[k], i)
	}
	if err := q.run(ctx); err != nil {
		return nil, err
	}
	return q.failed, nil
}

// query is the work for one batch of keys.
type query struct {
	r        *Remote
	rows     []*expr.Row
	failed   []int
	open     map[string][]int // where the keys without an answer are
	order    []string         // the same keys, as first met
	refusals map[string]int
	vouched  bool          // some other key was answered
	rest     time.Duration // before refused keys are asked again
}

func (q *query) fill(a answer, at ...int) {
	for _, i := range at {
		q.rows[i] = a.row
		if a.failed {
			q.r.skipped.Add(1)
			q.failed = append(q.failed, i)
		}
	}
}

// settle ends a key.
func (q *query) settle(key string, a answer) {
	q.fill(a, q.open[key]...)
	delete(q.open, key)
}

// run asks until every key has its answer or was given up.
func (q *query) run(ctx context.Context) error {
	r := q.r
	for len(q.open) > 0 {
		wait := r.pause()
		if wait > 0 && r.c.OnError == config.OnErrorSkip {
			q.giveUp(false)
			return nil
		}
		if wait = max(wait, q.rest); wait > 0 {
			r.waiting.Add(1)
			err := r.o.Sleep(ctx, wait)
			r.waiting.Add(-1)
			if err != nil {
				return err
			}
		}
		q.rest = 0
		if err := ctx.Err(); err != nil {
			return err
		}
		refused, outage := q.settleAll(r.ask(ctx, q.remaining()))
		if err := ctx.Err(); err != nil && len(q.open) > 0 {
			return err
		}
		switch {
		case outage != nil:
			r.failed(outage)
		case refused != nil:
			q.judge(refused)
		}
	}
	return nil
}

// remaining lists the keys without an answer in their order.
func (q *query) remaining() []string {
	var out []string
	for _, k := range q.order {
		if q.open[k] != nil {
			out = append(out, k)
		}
	}
	q.order = out
	return out
}

// settleAll takes over what a round of questions gave: an error about a key, and
// one about the other side as a whole, if there were any.
func (q *query) settleAll(replies []reply) (refused, outage error) {
	r := q.r
	for _, p := range replies {
		var about *refusal
		switch {
		case p.err == nil:
			a := answer{row: p.row, until: r.o.Now().Add(r.c.TTL)}
			if p.row == nil {
				a.until = r.o.Now().Add(r.c.NegativeTTL)
				r.missing.Add(1)
			} else {
				r.found.Add(1)
			}
			r.cache.put(p.key, a)
			q.settle(p.key, a)
			q.vouched = true
			r.healthy.Store(true)
			r.recovered()
		case errors.As(p.err, &about):
			r.refused.Add(1)
			q.refusals[p.key]++
			refused = scrub(p.err, p.key)
		case errors.Is(p.err, context.Canceled):
			// Whoever shared the question was stopped; it is asked again.
		default:
			r.outages.Add(1)
			outage = scrub(p.err, p.key)
		}
	}
	return refused, outage
}

// judge decides on the keys that were refused: given up where the other side
// answers others, else it is the other side.
func (q *query) judge(cause error) {
	r := q.r
	for _, k := range q.remaining() {
		if n := q.refusals[k]; n < tries {
			q.rest = r.o.Jitter(firstPause << n)
			return
		}
	}
	if !q.vouched && r.c.OnError == config.OnErrorRetry && !r.healthy.Swap(false) {
		r.failed(cause)
		return
	}
	r.o.Log.Warn().Str("cause", r.o.Mask(cause.Error())).Int("keys", len(q.open)).Msg("lookup refuses keys, events go on without")
	q.giveUp(true)
}

// giveUp ends the keys that are still open; refused says that they, and not the
// other side, are at fault, and are not to be asked again soon.
func (q *query) giveUp(refused bool) {
	a := answer{failed: true, until: q.r.o.Now().Add(q.r.c.NegativeTTL)}
	for _, k := range q.remaining() {
		if refused {
			q.r.cache.put(k, a)
		}
		q.settle(k, a)
	}
}

// reply is what came of one question.
type reply struct {
	key string
	row *expr.Row
	err error
}

// ask asks for all keys, side by side within the bound, and stops after the first
// sign of an outage.
func (r *Remote) ask(ctx context.Context, keys []string) []reply {
	replies := make([]reply, 0, len(keys))
	var mu sync.Mutex
	var wg sync.WaitGroup
	defer wg.Wait()
	var stop atomic.Bool
	for _, key := range keys {
		select {
		case r.slots <- struct{}{}:
		case <-ctx.Done():
			wg.Wait()
			return replies
		}
		if stop.Load() {
			<-r.slots
			break
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() { <-r.slots }()
			row, err := r.one(ctx, key)
			var about *refusal
			if err != nil && !errors.As(err, &about) {
				stop.Store(true)
			}
			mu.Lock()
			defer mu.Unlock()
			replies = append(replies, reply{key, row, err})
		}()
	}
	wg.Wait()
	return replies
}

// one asks one question, together with whoever asks the same.
func (r *Remote) one(ctx context.Context, key string) (*expr.Row, error) {
	v, err, _ := r.same.Do(key, func() (any, error) {
		callCtx, cancel := context.WithTimeout(ctx, r.c.Timeout)
		defer cancel()
		return r.f.fetch(callCtx, key)
	})
	row, _ := v.(*expr.Row)
	return row, err
}

// pause is how long the other side is to be left alone.
func (r *Remote) pause() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.until.Sub(r.o.Now())
}

// failed notes an outage.
func (r *Remote) failed(cause error) {
	r.mu.Lock()
	r.failures++
	wait := r.o.Jitter(min(maxPause, firstPause<<min(r.failures, 20)))
	var told *later
	if errors.As(cause, &told) && told.wait > 0 {
		wait = min(told.wait, maxAskedPause) // exactly what the server asked for
	}
	r.until = r.o.Now().Add(wait)
	r.problem = r.o.Mask(cause.Error())
	problem := r.problem
	r.mu.Unlock()
	r.o.Log.Warn().Str("cause", problem).Str("on_error", r.c.OnError).Int64("wait_ms", wait.Milliseconds()).Msg("lookup does not answer")
}

func (r *Remote) recovered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures, r.until, r.problem = 0, time.Time{}, ""
}

// scrubbed is an error whose text does not hold the key (I14).
type scrubbed struct {
	error
	text string
}

func (s *scrubbed) Error() string { return s.text }
func (s *scrubbed) Unwrap() error { return s.error }

// leastScrubbed is the length from which a key is taken out of errors: a shorter
// one names nobody, and would be found in every word.
const leastScrubbed = 4

func scrub(err error, key string) error {
	text := err.Error()
	if len(key) < leastScrubbed {
		return err
	}
	for _, k := range []string{key, url.PathEscape(key), url.QueryEscape(key)} {
		text = strings.ReplaceAll(text, k, "the key")
	}
	return &scrubbed{err, text}
}
