package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/lookup"
	"github.com/patchbay-io/patchbay/core/pipeline"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/core/receiver"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/core/stage/enrich"
	"github.com/patchbay-io/patchbay/sdk"
)

// pluginNice is the niceness of plugins: their work can wait, an acknowledgement
// cannot. It is not the least there is: on a busy machine plugins must still get on.
const pluginNice = 10

func (e *Engine) spec(g *graph, kind, typ, address string) (pluginhost.Spec, error) {
	spec := pluginhost.Spec{Address: address, WorkDir: g.cfg.Dir, SocketDir: e.socketDir, Log: e.log, Mask: g.cfg.Mask, Nice: pluginNice}
	if !g.cat.Launch(kind, typ, &spec) {
		return spec, fmt.Errorf("engine: no plugin serves %s type %q", kind, typ)
	}
	return spec, nil
}

func (e *Engine) newSource(g *graph, c *config.Source) (*source, error) {
	raw, err := e.journal.Log(journal.Raw, c.Address)
	if err != nil {
		return nil, err
	}
	spec, err := e.spec(g, "source", c.Type, c.Address)
	if err != nil {
		return nil, err
	}
	s := &source{cfg: c, raw: raw, answered: make(chan struct{}), patience: verifyTimeout}
	s.configured = func() {
		if err := e.setEndpoints(); err != nil {
			e.log.Error().Err(err).Str("source", c.Address).Msg("source cannot receive")
		}
	}
	spec.Configure = s.configure
	s.proc = pluginhost.New(spec)
	return s, nil
}

func (e *Engine) newSink(g *graph, c *config.Sink) (*sink, error) {
	spec, err := e.spec(g, "sink", c.Type, c.Address)
	if err != nil {
		return nil, err
	}
	return newSink(c, pluginhost.New(spec)), nil
}

func (e *Engine) openTable(g *graph, c *config.Lookup) (*table, error) {
	t, err := lookup.Open(c, lookup.Options{Log: e.log, Mask: g.cfg.Mask})
	if err != nil {
		return nil, fmt.Errorf("engine: lookup %s: %w", c.Address, err)
	}
	return &table{Table: t}, nil
}

// startTable keeps a lookup up to date, and open.
func (e *Engine) startTable(t *table) *task {
	return e.start(func(ctx context.Context) error {
		t.Run(ctx)
		return nil
	})
}

// endpoints is what the receiver serves for g. A source that is about to leave
// answers as under pressure until it has left.
func (e *Engine) endpoints(g *graph) []receiver.Config {
	cs := make([]receiver.Config, 0, len(g.cfg.Sources))
	for _, c := range g.cfg.Sources {
		r := g.sources[c.Address].endpoint(c, g.cfg)
		if e.leaving[c.Address] {
			r.Auth = nil
		}
		cs = append(cs, r)
	}
	return cs
}

// setEndpoints gives the receiver what the sources' plugins last said.
func (e *Engine) setEndpoints() error {
	e.endpointMu.Lock()
	defer e.endpointMu.Unlock()
	if g := e.graph.Load(); g != nil {
		return e.offer(g)
	}
	return nil // the first generation is still being made
}

// offer has the receiver serve g's sources, and notes which of them take requests
// from now on. endpointMu is held.
func (e *Engine) offer(g *graph) error {
	var known []*source
	for _, s := range g.sources {
		if s.answer() != nil {
			known = append(known, s)
		}
	}
	if err := e.receiver.SetEndpoints(e.endpoints(g)); err != nil {
		return err
	}
	for _, s := range known {
		s.serving.Store(true)
	}
	return nil
}

// addPipe makes the parts of a pipeline that g does not have yet: readers before
// writers, so that a sink's cursor is durable before anything is staged for it.
// keep are the parts of the generation before that go on, or nil.
func (e *Engine) addPipe(g *graph, c *config.Pipeline, keep *pipe) error {
	log, err := e.journal.Log(journal.StagedIn, c.Name)
	if err != nil {
		return err
	}
	p := &pipe{cfg: c, log: log, names: map[uint32]string{}, lanes: map[string]*lane{}, dispatchers: map[string]*dispatcher{}}
	if keep == nil {
		keep = &pipe{}
	}
	for _, s := range sinksOf(c) {
		n, err := e.journal.SinkNumber(s.Address)
		if err != nil {
			return err
		}
		p.names[n] = s.Address
		d := keep.dispatchers[s.Address]
		if d == nil {
			if d, err = e.newDispatcher(c, log, s, g.sinks[s.Address], n); err != nil {
				return err
			}
		}
		p.dispatchers[s.Address] = d
	}
	if p.targets, err = e.numbers(c.To); err != nil {
		return err
	}
	if p.stages, err = e.stages(g, p, keep.stages); err != nil {
		return err
	}
	for _, s := range c.From {
		l := keep.lanes[s.Address]
		if l == nil {
			l = e.newLane(p, s, g.sources[s.Address])
		}
		p.lanes[s.Address] = l
	}
	g.pipes[c.Name] = p
	return nil
}

// numbers are what stands for sinks in staged entries.
func (e *Engine) numbers(sinks []*config.Sink) ([]uint32, error) {
	var out []uint32
	for _, s := range sinks {
		n, err := e.journal.SinkNumber(s.Address)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

func (e *Engine) newLane(p *pipe, c *config.Source, s *source) *lane {
	stages := make([]stage.Stage, len(p.stages))
	for i := range stages {
		stages[i] = p.stages[i].Stage
	}
	return &lane{Lane: pipeline.New(pipeline.Options{
		Pipeline: p.cfg.Name, Source: c.Address, Provider: c.Type, Open: s.open, Journal: e.journal,
		Raw: s.raw, Staged: p.log, Plugin: s.proc, Stages: stages, Targets: p.targets, Sinks: p.names,
		Busy: e.receiver.Busy, Oldest: e.oldest(p.cfg.Name), Tap: &e.tap, Names: pipeline.StageNames(p.cfg),
		Log: e.log.With().Str("pipeline", p.cfg.Name).Str("source", c.Address).Logger(),
	})}
}

// oldest looks at the lanes that a pipeline has at the time.
func (e *Engine) oldest(name string) func(time.Time) (time.Time, error) {
	return func(now time.Time) (time.Time, error) {
		first := now
		g := e.graph.Load()
		if g == nil || g.pipes[name] == nil {
			return time.Time{}, nil // not at work yet: nothing is known to be over
		}
		for _, l := range g.pipes[name].lanes {
			t, err := l.Oldest(now)
			if err != nil {
				return first, err
			}
			if t.Before(first) {
				first = t
			}
		}
		return first, nil
	}
}

func (e *Engine) newDispatcher(p *config.Pipeline, log *journal.Log, c *config.Sink, s *sink, n uint32) (*dispatcher, error) {
	t := c.Info.GetSink()
	o := dispatch.Options{
		Pipeline: p.Name, SinkName: c.Address, Number: n, Journal: e.journal, Staged: log,
		Sink: s, Idempotency: sdk.Idempotency(t.GetIdempotency()),
		MaxEvents: int(t.GetMaxEvents()), MaxBytes: int(t.GetMaxBytes()), MaxWait: c.Batch.MaxWait, Busy: e.receiver.Busy, Tap: &e.tap,
		Log: e.log.With().Str("pipeline", p.Name).Str("sink", c.Address).Logger(),
	}
	if c.Batch.MaxEvents > 0 && (o.MaxEvents == 0 || c.Batch.MaxEvents < o.MaxEvents) {
		o.MaxEvents = c.Batch.MaxEvents
	}
	if c.Batch.MaxBytes > 0 && (o.MaxBytes == 0 || int(c.Batch.MaxBytes) < o.MaxBytes) {
		o.MaxBytes = int(c.Batch.MaxBytes)
	}
	if f := p.OnFailure; f != nil {
		o.Attempts, o.MaxAge = f.Attempts, f.MaxAge
	}
	d, err := dispatch.New(o)
	if err != nil {
		return nil, err
	}
	return &dispatcher{Dispatcher: d}, nil
}

// stages makes a pipeline's stages. One that works beside its events, and so
// has a memory, goes on in the next generation if it is to do the same there.
func (e *Engine) stages(g *graph, p *pipe, before []stagePart) ([]stagePart, error) {
	parts := make([]stagePart, len(p.cfg.Stages))
	for i := range parts {
		parts[i].text = g.snap.Stage(p.cfg.Name, i)
		for _, b := range before {
			if b.task != nil && b.text == parts[i].text {
				parts[i] = b
			}
		}
	}
	chain := e.chain(g, p.log)
	chain.Kept = func(i int) stage.Stage { return parts[i].Stage }
	made, err := chain.Compile(p.cfg)
	for i := range made {
		parts[i].Stage = made[i]
	}
	return parts, err
}

func (e *Engine) chain(g *graph, log *journal.Log) *pipeline.Chain {
	return &pipeline.Chain{
		Journal: e.journal, Staged: log, Number: e.numbers,
		Table: func(l *config.Lookup) enrich.Table { return g.lookups[l.Address] },
	}
}

// tryStages makes a pipeline's stages and forgets them.
func (e *Engine) tryStages(g *graph, c *config.Pipeline) error {
	log, err := e.journal.Log(journal.StagedIn, c.Name)
	if err == nil {
		_, err = e.chain(g, log).Compile(c)
	}
	return err
}
