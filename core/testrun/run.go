package testrun

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/core/lookup"
	"github.com/rs/zerolog"
)

// Options shape a run. The zero value runs all tests.
type Options struct {
	// Only runs the tests whose names match; nil means all.
	Only *regexp.Regexp
	// Timeout bounds a test once its plugins run; zero means 10 s.
	Timeout time.Duration
	// Parallel is how many tests run at a time; zero means one a processor, up
	// to 8.
	Parallel int
	// Reveal shows personal data as it is.
	Reveal bool
	Log    zerolog.Logger
	Now    func() time.Time
}

// Report is the result of a run.
type Report struct {
	Tests   []Result `json:"tests"` // in the order of the configuration
	Passed  int      `json:"passed"`
	Failed  int      `json:"failed"`
	Skipped int      `json:"skipped,omitempty"` // not asked for
	// NotReached names what no test exercised; only if all tests ran.
	NotReached []string `json:"not_reached,omitempty"`
	TookMillis int64    `json:"took_ms"`
}

// Result is the result of one test.
type Result struct {
	Name   string `json:"name"`
	Where  string `json:"where"` // file:line
	Passed bool   `json:"passed"`
	// Error is why the test could not be run to its end.
	Error    string    `json:"error,omitempty"`
	Failures []Failure `json:"failures,omitempty"`
	// Authenticated says whether signatures and credentials were checked.
	Authenticated bool        `json:"authenticated"`
	Received      []*Received `json:"received"`
	TookMillis    int64       `json:"took_ms"`
}

// Received is what became of one recorded request.
type Received struct {
	File   string `json:"file"`
	Source string `json:"source"`
	Status int    `json:"status"`            // of the answer
	Ref    string `json:"request,omitempty"` // if it was stored
	// Refused is why it was not let in: a reason of the authentication, or
	// http_STATUS.
	Refused string          `json:"refused,omitempty"`
	Events  []inspect.Event `json:"events,omitempty"`
}

// Failure is an expectation that was not met.
type Failure struct {
	Where string `json:"where"`
	Want  string `json:"want"`
	Got   string `json:"got"`
	// Differences are those of the event that comes nearest.
	Differences []Difference `json:"differences,omitempty"`
}

// Difference is a field that is not as expected. Nil means not set.
type Difference struct {
	Field string  `json:"field"`
	Want  *string `json:"want"`
	Got   *string `json:"got"`
}

// runner is one run.
type runner struct {
	cfg     *config.Config
	o       Options
	dir     string // temporary
	plugins *plugins
	tables  *tables
	cover   *coverage
}

// Run runs the tests of cfg, which must have no errors. An error means that none
// could be run.
func Run(ctx context.Context, cfg *config.Config, find Plugins, o Options) (rep *Report, err error) {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Parallel == 0 {
		o.Parallel = min(8, runtime.GOMAXPROCS(0))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	dir, err := os.MkdirTemp("", "patchbay-test-")
	if err != nil {
		return nil, fmt.Errorf("testrun: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, cancel := context.WithCancel(ctx)
	r := &runner{
		cfg: cfg, o: o, dir: dir, tables: &tables{log: o.Log, open: map[*config.Lookup]lookup.Table{}}, cover: newCoverage(),
		plugins: &plugins{find: find, dir: cfg.Dir, log: o.Log, mask: cfg.Mask, ctx: ctx, started: map[string]*plugin{}},
	}
	defer r.plugins.wg.Wait()
	defer cancel()
	return r.all(ctx), nil
}

func (r *runner) all(ctx context.Context) *Report {
	began := time.Now()
	rep := &Report{Tests: []Result{}}
	var tests []*config.Test
	for _, t := range r.cfg.Tests {
		if r.o.Only == nil || r.o.Only.MatchString(t.Name) {
			tests = append(tests, t)
		}
	}
	rep.Skipped = len(r.cfg.Tests) - len(tests)
	results := make([]Result, len(tests))
	slots := make(chan struct{}, r.o.Parallel)
	var wg sync.WaitGroup
	for i, t := range tests {
		slots <- struct{}{}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() { <-slots }()
			results[i] = r.one(ctx, t, i)
		}()
	}
	wg.Wait()
	for _, res := range results {
		rep.Tests = append(rep.Tests, res)
		if res.Passed {
			rep.Passed++
		} else {
			rep.Failed++
		}
	}
	if rep.Skipped == 0 {
		rep.NotReached = r.cover.missed(r.cfg)
	}
	rep.TookMillis = time.Since(began).Milliseconds()
	return rep
}

// one runs a test.
func (r *runner) one(ctx context.Context, t *config.Test, n int) Result {
	began := time.Now()
	res := Result{Name: t.Name, Where: place(t.Range.Filename, t.Range.Start.Line), Authenticated: t.Authenticate, Received: []*Received{}}
	err := r.happen(ctx, t, n, &res)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		res.Error = fmt.Sprintf("it did not end within %s", r.o.Timeout)
	case err != nil:
		res.Error = r.cfg.Mask(err.Error())
	}
	res.Passed = err == nil && len(res.Failures) == 0
	res.TookMillis = time.Since(began).Milliseconds()
	return res
}

func (r *runner) happen(ctx context.Context, t *config.Test, n int, res *Result) (err error) {
	w, err := r.newWorld(t, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.journal.Close()) }()
	for _, g := range t.Given {
		got, err := w.receive(ctx, g)
		if err != nil {
			return err
		}
		res.Received = append(res.Received, got)
	}
	ctx, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	if err := w.carry(ctx); err != nil {
		// A plugin that was interrupted says it in other words, and may notice the
		// end a moment before it has come here.
		if end, _ := ctx.Deadline(); time.Until(end) < r.o.Timeout/20 {
			return context.DeadlineExceeded
		}
		return cmp.Or(ctx.Err(), err)
	}
	h, err := w.read(res.Received)
	if err != nil {
		return err
	}
	c := checker{happened: h, now: w.now(), reveal: r.o.Reveal}
	for i := range t.Expect {
		if f := c.check(&t.Expect[i]); f != nil {
			res.Failures = append(res.Failures, *f)
		}
	}
	return w.explain(ctx, res.Received)
}

// explain adds what explain would tell of each request.
func (w *world) explain(ctx context.Context, received []*Received) error {
	for _, got := range received {
		if got.Ref == "" {
			continue
		}
		story, err := inspect.Explain(ctx, w.journal, got.Ref, inspect.Options{Reveal: w.o.Reveal})
		if err != nil {
			return err
		}
		for _, q := range story.Requests {
			got.Events = append(got.Events, q.Events...)
		}
		slices.SortStableFunc(got.Events, func(a, b inspect.Event) int { return a.RawIndex - b.RawIndex })
	}
	return nil
}

// place is where something is written, as people and editors read it.
func place(file string, line int) string { return fmt.Sprintf("%s:%d", file, line) }

// tables are the lookups' files, read once a run.
type tables struct {
	log  zerolog.Logger
	mu   sync.Mutex
	open map[*config.Lookup]lookup.Table
}

func (t *tables) get(l *config.Lookup) (lookup.Table, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.open[l]; c != nil {
		return c, nil
	}
	c, err := lookup.Open(l, lookup.Options{Log: t.log})
	if err == nil {
		t.open[l] = c
	}
	return c, err
}
