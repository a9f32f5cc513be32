package engine

import (
	"context"
	"fmt"
	"slices"

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

// build makes every part from the configuration, sinks before lanes: a sink's
// cursor is durable before anything is staged for it.
func (e *Engine) build() error {
	if err := e.addReceiver(); err != nil {
		return err
	}
	for _, c := range e.cfg.Lookups {
		t, err := lookup.Open(c, lookup.Options{Log: e.log, Mask: e.cfg.Mask})
		if err != nil {
			return fmt.Errorf("engine: lookup %s: %w", c.Address, err)
		}
		e.lookups[c.Address] = t
	}
	for _, c := range e.cfg.Sources {
		if err := e.addSource(c); err != nil {
			return err
		}
	}
	for _, c := range e.cfg.Sinks {
		spec, err := e.spec("sink", c.Type, c.Address)
		if err != nil {
			return err
		}
		spec.Nice = sinkNice
		e.sinks[c.Address] = newSink(c, pluginhost.New(spec))
	}
	for _, p := range e.cfg.Pipelines {
		if err := e.addPipeline(p); err != nil {
			return fmt.Errorf("engine: pipeline %q: %w", p.Name, err)
		}
	}
	return e.setEndpoints()
}

// sinkNice is the niceness of sink plugins: their work can wait, an
// acknowledgement cannot.
const sinkNice = 5

func (e *Engine) spec(kind, typ, address string) (pluginhost.Spec, error) {
	path, ok := e.cat.Path(kind, typ)
	if !ok {
		return pluginhost.Spec{}, fmt.Errorf("engine: no plugin serves %s type %q", kind, typ)
	}
	return pluginhost.Spec{
		Address: address, Path: path, WorkDir: e.cfg.Dir, SocketDir: e.socketDir, Log: e.log, Mask: e.cfg.Mask,
	}, nil
}

func (e *Engine) addSource(c *config.Source) error {
	raw, err := e.journal.Log(journal.Raw, c.Address)
	if err != nil {
		return err
	}
	spec, err := e.spec("source", c.Type, c.Address)
	if err != nil {
		return err
	}
	s := &source{cfg: c, raw: raw}
	s.configured = func() {
		if err := e.setEndpoints(); err != nil {
			e.log.Error().Err(err).Str("source", c.Address).Msg("source cannot receive")
		}
	}
	spec.Configure = s.configure
	s.proc = pluginhost.New(spec)
	e.sources[c.Address] = s
	return nil
}

// setEndpoints gives the receiver what the sources' plugins last said.
func (e *Engine) setEndpoints() error {
	e.endpointMu.Lock()
	defer e.endpointMu.Unlock()
	cs := make([]receiver.Config, 0, len(e.cfg.Sources))
	for _, c := range e.cfg.Sources {
		cs = append(cs, e.sources[c.Address].endpoint(e.cfg))
	}
	return e.receiver.SetEndpoints(cs)
}

func (e *Engine) addPipeline(p *config.Pipeline) error {
	log, err := e.journal.Log(journal.StagedIn, p.Name)
	if err != nil {
		return err
	}
	names := map[uint32]string{}
	number := func(sinks []*config.Sink) ([]uint32, error) {
		var out []uint32
		for _, s := range sinks {
			n, err := e.journal.SinkNumber(s.Address)
			if err != nil {
				return nil, err
			}
			if _, known := names[n]; !known {
				names[n] = s.Address
				if err := e.addDispatcher(p, log, s, n); err != nil {
					return nil, err
				}
			}
			out = append(out, n)
		}
		return out, nil
	}
	to, err := number(p.To)
	if err != nil {
		return err
	}
	stages, err := e.stages(p, log, number)
	if err != nil {
		return err
	}
	for _, s := range p.From {
		src := e.sources[s.Address]
		e.lanes = append(e.lanes, pipeline.New(pipeline.Options{
			Pipeline: p.Name, Source: s.Address, Provider: s.Type, Open: src.open, Journal: e.journal,
			Raw: src.raw, Staged: log, Plugin: src.proc, Stages: stages, Targets: to, Sinks: names,
			Busy: e.receiver.Busy,
			Log:  e.log.With().Str("pipeline", p.Name).Str("source", s.Address).Logger(),
		}))
	}
	return nil
}

func (e *Engine) addDispatcher(p *config.Pipeline, log *journal.Log, c *config.Sink, n uint32) error {
	t := c.Info.GetSink()
	o := dispatch.Options{
		Pipeline: p.Name, SinkName: c.Address, Number: n, Journal: e.journal, Staged: log,
		Sink: e.sinks[c.Address], Idempotency: sdk.Idempotency(t.GetIdempotency()),
		MaxEvents: int(t.GetMaxEvents()), MaxBytes: int(t.GetMaxBytes()), MaxWait: c.Batch.MaxWait, Busy: e.receiver.Busy,
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
		return err
	}
	e.dispatchers = append(e.dispatchers, d)
	return nil
}

// stages makes the pipeline's stages, and has what they do beside their events
// run with the engine.
func (e *Engine) stages(p *config.Pipeline, log *journal.Log, number func([]*config.Sink) ([]uint32, error)) ([]stage.Stage, error) {
	chain := pipeline.Chain{
		Journal: e.journal, Staged: log, Number: number,
		Table: func(l *config.Lookup) enrich.Table { return e.lookups[l.Address] },
	}
	out, err := chain.Compile(p)
	if err != nil {
		return nil, err
	}
	for _, st := range out {
		if r, ok := st.(interface{ Run(context.Context) error }); ok {
			e.background = append(e.background, r.Run)
		}
	}
	return out, nil
}

// laneOf and dispatcherOf find who is in charge of a dead letter.
func (e *Engine) laneOf(d *journal.DeadLetter) *pipeline.Lane {
	i := slices.IndexFunc(e.lanes, func(l *pipeline.Lane) bool { return l.Pipeline() == d.Pipeline && l.Source() == d.Source })
	if i < 0 {
		return nil
	}
	return e.lanes[i]
}

func (e *Engine) dispatcherOf(d *journal.DeadLetter) *dispatch.Dispatcher {
	i := slices.IndexFunc(e.dispatchers, func(x *dispatch.Dispatcher) bool {
		s := x.Status()
		return s.Pipeline == d.Pipeline && s.Sink == d.Sink
	})
	if i < 0 {
		return nil
	}
	return e.dispatchers[i]
}
