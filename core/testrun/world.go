package testrun

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/pipeline"
	"github.com/patchbay-io/patchbay/core/receiver"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/core/stage/enrich"
	"github.com/patchbay-io/patchbay/core/staged"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/text/unicode/norm"
)

// world is what one test happens in.
type world struct {
	*runner
	test    *config.Test
	now     func() time.Time
	journal *journal.Journal
	staged  *journal.Log
	sources []*arrival // in the order in which requests came
	names   map[uint32]string
}

// arrival is a source at which requests of the test arrive.
type arrival struct {
	cfg    *config.Source
	plugin *plugin
	raw    *journal.Log
}

// testMemory is the store's cache and memtable in a test.
const testMemory = 1 << 20

// newWorld opens the journal of the n-th test.
func (r *runner) newWorld(t *config.Test, n int) (*world, error) {
	w := &world{runner: r, test: t, now: r.o.Now, names: map[uint32]string{}}
	if !t.Now.IsZero() {
		w.now = func() time.Time { return t.Now }
	}
	var err error
	w.journal, err = journal.Open(journal.Options{
		Dir: filepath.Join(r.dir, "journal-"+strconv.Itoa(n)), Log: r.o.Log, Now: w.now,
		CacheBytes: testMemory, MemTableBytes: testMemory, MinFree: 1,
	})
	if err != nil {
		return nil, err
	}
	if w.staged, err = w.journal.Log(journal.StagedIn, t.Pipeline.Name); err != nil {
		return nil, errors.Join(err, w.journal.Close())
	}
	return w, nil
}

// source finds where a request arrives.
func (w *world) source(r *recorded) (*config.Source, error) {
	from := w.test.Pipeline.From
	if w.test.Source != nil {
		return w.test.Source, nil
	}
	for _, s := range from {
		if s.Path == r.url.Path {
			return s, nil
		}
	}
	if len(from) == 1 {
		return from[0], nil
	}
	return nil, fmt.Errorf("no source of pipeline %q receives on %s: write source = source.TYPE.NAME in the test", w.test.Pipeline.Name, r.url.Path)
}

func (w *world) arrival(ctx context.Context, s *config.Source) (*arrival, error) {
	for _, a := range w.sources {
		if a.cfg == s {
			return a, nil
		}
	}
	p, err := w.plugins.get(ctx, s, w.test)
	if err != nil {
		return nil, err
	}
	raw, err := w.journal.Log(journal.Raw, s.Address)
	if err != nil {
		return nil, err
	}
	a := &arrival{s, p, raw}
	w.sources = append(w.sources, a)
	return a, nil
}

// open reports whether the source takes requests as they are.
func (w *world) open(a *arrival) bool {
	return !w.test.Authenticate || a.plugin.said().Auth.GetNone() != nil
}

// receive has the receiver take a request, and says what became of it.
func (w *world) receive(ctx context.Context, g config.Given) (*Received, error) {
	req, err := readRecorded(g.Path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.File, err)
	}
	s, err := w.source(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.File, err)
	}
	a, err := w.arrival(ctx, s)
	if err != nil {
		return nil, err
	}
	said := a.plugin.said()
	c := receiver.Config{
		Source: s.Address, Path: req.url.Path, PublicURL: req.public(), MaxBody: s.MaxBody, Endpoint: said.Endpoint,
		Quarantine: s.OnAuthFailure == config.Quarantine, Log: a.raw, Verify: a.plugin.verify, Auth: said.Auth,
	}
	if c.PublicURL == "" {
		c.PublicURL = s.PublicURL
	}
	if c.PublicURL == "" {
		c.PublicURL = "http://" + w.cfg.Receiver.Listen + s.Path
	}
	if c.MaxBody == 0 {
		c.MaxBody = w.cfg.Receiver.MaxBody
	}
	if w.open(a) {
		c.Auth = &wire.Auth{Scheme: &wire.Auth_None{None: &wire.NoAuth{}}}
	}
	registry := prometheus.NewRegistry()
	rec := receiver.New(receiver.Options{Journal: w.journal, Log: w.o.Log, Registry: registry, Now: w.now})
	if err := rec.SetEndpoints([]receiver.Config{c}); err != nil {
		return nil, err
	}
	ans := &answer{header: http.Header{}}
	rec.ServeHTTP(ans, req.request().WithContext(ctx))
	out := &Received{File: g.File, Source: s.Address, Status: ans.status, Ref: ans.header.Get("Patchbay-Delivery")}
	if ans.status >= 400 {
		out.Refused = refusal(registry, ans.status)
	}
	return out, nil
}

// refusal is the word for why a request was not let in: that of its
// authentication, or else its HTTP status.
func refusal(g prometheus.Gatherer, status int) string {
	families, err := g.Gather()
	if err != nil {
		return "http_" + strconv.Itoa(status)
	}
	for _, f := range families {
		if f.GetName() != "patchbay_refusals_total" {
			continue
		}
		for _, l := range f.GetMetric()[0].GetLabel() {
			if l.GetName() == "reason" {
				return l.GetValue()
			}
		}
	}
	return "http_" + strconv.Itoa(status)
}

// carry runs what was stored through the pipeline.
func (w *world) carry(ctx context.Context) error {
	p := w.test.Pipeline
	targets, err := w.number(p.To)
	if err != nil {
		return err
	}
	var lookups error
	chain := pipeline.Chain{Journal: w.journal, Staged: w.staged, Number: w.number, Table: func(l *config.Lookup) enrich.Table {
		t, err := w.table(l)
		if err != nil {
			lookups = err
		}
		return t
	}}
	stages, err := chain.Compile(withKey(p))
	if err == nil {
		err = lookups
	}
	if err != nil {
		return err
	}
	stages = w.cover.watch(p, stages)
	for _, a := range w.sources {
		if err := w.lane(ctx, a, stages, targets); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) lane(ctx context.Context, a *arrival, stages []stage.Stage, targets []uint32) error {
	l := pipeline.New(pipeline.Options{
		Pipeline: w.test.Pipeline.Name, Source: a.cfg.Address, Provider: a.cfg.Type, Open: func() bool { return w.open(a) },
		Journal: w.journal, Raw: a.raw, Staged: w.staged, Plugin: a.plugin.proc, Stages: stages, Targets: targets, Sinks: w.names,
		Log: w.o.Log, Now: w.now,
	})
	a.plugin.turn.Lock()
	defer a.plugin.turn.Unlock()
	return l.Drain(ctx)
}

func (w *world) number(sinks []*config.Sink) ([]uint32, error) {
	var out []uint32
	for _, s := range sinks {
		n, err := w.journal.SinkNumber(s.Address)
		if err != nil {
			return nil, err
		}
		w.names[n] = s.Address
		out = append(out, n)
	}
	return out, nil
}

// table finds a lookup's rows: the test's own, or the file's.
func (w *world) table(l *config.Lookup) (enrich.Table, error) {
	for _, r := range w.test.Rows {
		if r.Lookup == l {
			return rows(r.Rows), nil
		}
	}
	return w.tables.get(l)
}

// rows are the rows that a test gives a lookup.
type rows map[string]*expr.Row

// Find implements enrich.Table. The keys went through HCL, which composes
// characters.
func (r rows) Find(_ context.Context, keys []string, found []*expr.Row) (failed []int, err error) {
	for i, k := range keys {
		found[i] = r[norm.NFC.String(k)]
	}
	return nil, nil
}

// withKey gives stages that redact a key where none is set: a test says where
// there is a token, not which.
func withKey(p *config.Pipeline) *config.Pipeline {
	out := *p
	out.Stages = slices.Clone(p.Stages)
	for i := range out.Stages {
		if r := out.Stages[i].Redact; r != nil && r.MissingKey {
			own := *r
			own.Key = []byte(stranger)
			out.Stages[i].Redact = &own
		}
	}
	return &out
}

// outcome is one entry of the staged log.
type outcome struct {
	event *sdk.Event
	note  *staged.Note
	sinks []string
}

// happened is all that came of the requests.
type happened struct {
	received []*Received
	outcomes []outcome
	dead     []*journal.DeadLetter
}

// read finds out what happened.
func (w *world) read(received []*Received) (*happened, error) {
	h := &happened{received: received}
	for from := uint64(0); from < w.staged.Tail(); {
		entries, err := w.staged.Read(from, journal.MaxChunkEntries, journal.MaxChunkBytes)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			var m staged.Meta
			if err := m.Decode(e.Meta); err != nil {
				return nil, err
			}
			ev, err := staged.Event(e.Body)
			if err != nil {
				return nil, err
			}
			o := outcome{event: ev, note: m.Note}
			for _, t := range m.Targets {
				o.sinks = append(o.sinks, w.names[t])
			}
			slices.SortFunc(o.sinks, strings.Compare)
			h.outcomes = append(h.outcomes, o)
			from = e.Offset + 1
		}
	}
	err := w.journal.DeadLetters(0, func(d *journal.DeadLetter) bool {
		h.dead = append(h.dead, d)
		return true
	})
	return h, err
}
