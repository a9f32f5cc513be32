package engine

import (
	"context"
	"fmt"

	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/lookup"
	"github.com/patchbay-io/patchbay/core/pipeline"
	"github.com/patchbay-io/patchbay/core/plan"
	"github.com/patchbay-io/patchbay/core/stage"
)

// graph is one generation of a configuration at work: the units, each of which
// can be started and stopped by itself. A graph does not change once it is the
// engine's; the next generation is another one, which shares the units that are
// the same.
type graph struct {
	cfg     *config.Config
	cat     *catalog.Catalog
	snap    *plan.Snapshot
	sources map[string]*source // by address, like the next two
	sinks   map[string]*sink
	lookups map[string]*table
	pipes   map[string]*pipe // by name
}

func newGraph(cfg *config.Config, cat *catalog.Catalog, snap *plan.Snapshot) *graph {
	return &graph{
		cfg: cfg, cat: cat, snap: snap, sources: map[string]*source{}, sinks: map[string]*sink{},
		lookups: map[string]*table{}, pipes: map[string]*pipe{},
	}
}

// table is a lookup at work.
type table struct {
	lookup.Table
	task *task
}

// pipe is a pipeline at work.
type pipe struct {
	cfg         *config.Pipeline
	log         *journal.Log
	names       map[uint32]string // of all its sinks, by number
	targets     []uint32          // the pipeline's own
	stages      []stagePart
	lanes       map[string]*lane       // by source
	dispatchers map[string]*dispatcher // by sink
}

// stagePart is a stage with what it does beside its events.
type stagePart struct {
	stage.Stage
	text string // equal texts do the same (plan.Snapshot.Stage)
	task *task
}

type lane struct {
	*pipeline.Lane
	task *task
}

type dispatcher struct {
	*dispatch.Dispatcher
	task *task
}

// lanes and dispatchers list those of all pipelines, in the order of the
// configuration.
func (g *graph) lanes() (out []*lane) {
	for _, p := range g.cfg.Pipelines {
		for _, s := range p.From {
			out = append(out, g.pipes[p.Name].lanes[s.Address])
		}
	}
	return out
}

func (g *graph) dispatchers() (out []*dispatcher) {
	for _, p := range g.cfg.Pipelines {
		for _, s := range sinksOf(p) {
			out = append(out, g.pipes[p.Name].dispatchers[s.Address])
		}
	}
	return out
}

// sinksOf lists a pipeline's sinks, those of its routes included, each once.
func sinksOf(p *config.Pipeline) (out []*config.Sink) {
	seen := map[string]bool{}
	add := func(sinks []*config.Sink) {
		for _, s := range sinks {
			if !seen[s.Address] {
				seen[s.Address] = true
				out = append(out, s)
			}
		}
	}
	add(p.To)
	for i := range p.Stages {
		if r := p.Stages[i].Route; r != nil {
			add(r.To)
		}
	}
	return out
}

// assemble makes all parts of the first generation. Nothing runs yet.
func (e *Engine) assemble(g *graph) error {
	for _, c := range g.cfg.Lookups {
		t, err := e.openTable(g, c)
		if err != nil {
			return err
		}
		g.lookups[c.Address] = t
	}
	for _, c := range g.cfg.Sources {
		s, err := e.newSource(g, c)
		if err != nil {
			return err
		}
		g.sources[c.Address] = s
	}
	for _, c := range g.cfg.Sinks {
		s, err := e.newSink(g, c)
		if err != nil {
			return err
		}
		g.sinks[c.Address] = s
	}
	for _, p := range g.cfg.Pipelines {
		if err := e.addPipe(g, p, nil); err != nil {
			return fmt.Errorf("engine: pipeline %q: %w", p.Name, err)
		}
	}
	return nil
}

// run starts what does not run yet, readers before those who write for them.
func (e *Engine) run(g *graph) {
	for _, s := range g.sources {
		if s.task == nil {
			s.task = e.startSource(s)
		}
	}
	for _, s := range g.sinks {
		if s.task == nil {
			s.task = e.startSink(s)
		}
	}
	for _, c := range g.cfg.Lookups {
		if t := g.lookups[c.Address]; t.task == nil {
			t.task = e.startTable(t)
		}
	}
	for _, p := range g.pipes {
		for i := range p.stages {
			st := &p.stages[i]
			if r, ok := st.Stage.(interface{ Run(context.Context) error }); ok && st.task == nil {
				st.task = e.start(r.Run)
			}
		}
	}
	for _, d := range g.dispatchers() {
		if d.task == nil {
			d.task = e.start(d.Run)
		}
	}
	for _, l := range g.lanes() {
		if l.task == nil {
			l.task = e.start(l.Run)
		}
	}
}

// halt stops everything, in the order of the flow, plugins last (I17).
func (e *Engine) halt(g *graph) {
	var workers, tables, plugins []*task
	for _, p := range g.pipes {
		for _, l := range p.lanes {
			workers = append(workers, l.task)
		}
		for _, d := range p.dispatchers {
			workers = append(workers, d.task)
		}
		for i := range p.stages {
			workers = append(workers, p.stages[i].task)
		}
	}
	for _, t := range g.lookups {
		tables = append(tables, t.task)
	}
	stopAll(workers)
	stopAll(tables)
	for _, s := range g.sinks {
		e.closeSink(s)
		plugins = append(plugins, s.task)
	}
	for _, s := range g.sources {
		plugins = append(plugins, s.task)
	}
	stopAll(plugins)
}

func (e *Engine) closeSink(s *sink) {
	if err := s.close(); err != nil {
		e.log.Warn().Err(err).Str("sink", s.cfg.Address).Msg("sink did not close")
	}
}
