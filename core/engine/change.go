package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/plan"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/sdk"
)

// readyTimeout bounds how long the new plugins of a change may take to start.
const readyTimeout = 40 * time.Second

// change leads from one generation to the next. Its steps are prepare, which can
// fail and then has changed nothing; replace, which rolls back if it fails; and
// finish, which cannot fail.
type change struct {
	*Engine
	old, next *graph
	plan      *plan.Plan
	discard   []string

	started []*task // plugins and lookups of next, to be stopped if it comes to nothing
	ends    map[string]uint64
	drains  []*dispatcher // that left, and still deliver
	notes   []string
}

// prepare makes and starts what can run beside the old generation: lookups are
// read, plugins start and look at their configuration. Diagnostics with errors,
// or an error, mean that nothing has changed.
func (c *change) prepare(ctx context.Context) (diag.List, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	waits, err := c.units()
	if err == nil {
		err = c.trial()
	}
	var diags diag.List
	if err == nil {
		diags, err = c.ready(ctx, waits)
	}
	if err == nil && !diags.HasErrors() {
		c.endpointMu.Lock()
		err = c.receiver.CheckEndpoints(c.endpoints(c.next))
		c.endpointMu.Unlock()
	}
	if err != nil || diags.HasErrors() {
		stopAll(c.started)
	}
	return diags, err
}

// units fills next with the units that go on and with new ones, and starts the
// plugins of those. What it returns waits until one of them works.
func (c *change) units() (waits []func(context.Context) (diag.List, error), err error) {
	for _, cfg := range c.next.cfg.Lookups {
		t := c.old.lookups[cfg.Address]
		if t == nil || c.plan.Touched("lookup."+cfg.Address) != 0 {
			if t, err = c.openTable(c.next, cfg); err != nil {
				return nil, err
			}
			t.task = c.startTable(t)
			c.started = append(c.started, t.task)
		}
		c.next.lookups[cfg.Address] = t
	}
	for _, cfg := range c.next.cfg.Sources {
		s := c.old.sources[cfg.Address]
		if s == nil || c.plan.Touched("source."+cfg.Address)&plan.Plugin != 0 {
			if s, err = c.newSource(c.next, cfg); err != nil {
				return nil, err
			}
			s.task = c.startSource(s)
			c.started = append(c.started, s.task)
			waits = append(waits, func(ctx context.Context) (diag.List, error) { return s.ready(ctx, c.next.cfg) })
		}
		c.next.sources[cfg.Address] = s
	}
	for _, cfg := range c.next.cfg.Sinks {
		s := c.old.sinks[cfg.Address]
		if s == nil || c.plan.Touched("sink."+cfg.Address)&plan.Plugin != 0 {
			if s, err = c.newSink(c.next, cfg); err != nil {
				return nil, err
			}
			s.task = c.startSink(s)
			c.started = append(c.started, s.task)
			waits = append(waits, func(ctx context.Context) (diag.List, error) { return s.ready(ctx, c.next.cfg) })
		}
		c.next.sinks[cfg.Address] = s
	}
	return waits, nil
}

// trial makes the stages of the pipelines that change once without use: a file
// that cannot be read is found while nothing has changed.
func (c *change) trial() error {
	for _, cfg := range c.next.cfg.Pipelines {
		if old := c.old.pipes[cfg.Name]; old != nil && c.plan.Touched("pipeline."+cfg.Name) == 0 {
			continue
		}
		if err := c.tryStages(c.next, cfg); err != nil {
			return fmt.Errorf("pipeline %q: %w", cfg.Name, err)
		}
	}
	return nil
}

// ready waits for all new plugins, side by side.
func (c *change) ready(ctx context.Context, waits []func(context.Context) (diag.List, error)) (diag.List, error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var diags diag.List
	var errs []error
	for _, wait := range waits {
		wg.Add(1)
		go func() {
			defer wg.Done()
			ds, err := wait(ctx)
			mu.Lock()
			defer mu.Unlock()
			diags, errs = append(diags, ds...), append(errs, err)
		}()
	}
	wg.Wait()
	diags.Sort()
	return diags, errors.Join(errs...)
}

// ready waits until a new source is configured.
func (s *source) ready(ctx context.Context, cfg *config.Config) (diag.List, error) {
	select {
	case <-s.answered:
		return nil, nil
	case <-s.task.done:
		return notReady(cfg, s.cfg.Context(), "source "+s.cfg.Address, s.cfg.Ranges, s.ended)
	case <-ctx.Done():
		return nil, fmt.Errorf("source %s was not ready in time: %s", s.cfg.Address, pluginProblem(s.proc))
	}
}

// ready waits until a new sink's plugin runs and has looked at its
// configuration. It is opened by the first write, once the old one is closed.
func (s *sink) ready(ctx context.Context, cfg *config.Config) (diag.List, error) {
	client, err := s.proc.Client(ctx)
	if errors.Is(err, pluginhost.ErrStopped) {
		return nil, fmt.Errorf("sink %s ended: %s", s.cfg.Address, pluginProblem(s.proc))
	}
	if err != nil {
		return nil, fmt.Errorf("sink %s was not ready in time: %s", s.cfg.Address, pluginProblem(s.proc))
	}
	resp, err := client.OpenSink(ctx, s.request(true))
	if err != nil {
		return nil, fmt.Errorf("sink %s could not check its configuration: %w", s.cfg.Address, err)
	}
	diags := findings(cfg, s.cfg.Context(), s.cfg.Ranges, resp.Diagnostics)
	if err := sdk.OpenFailure(resp); err != nil {
		return diags, fmt.Errorf("sink %s: %w", s.cfg.Address, err)
	}
	return diags, nil
}

// replace stops what is not in the next generation as it is and puts that to
// work. On an error the old generation works again.
func (c *change) replace(ctx context.Context) error {
	c.ends = map[string]uint64{}
	if err := c.drainLanes(ctx); err != nil {
		return errors.Join(err, c.stay())
	}
	keeps, stops := c.divide()
	stopAll(stops)
	err := c.assembleNext(keeps)
	if err == nil {
		// Lanes that are back do not run yet, those that left do not any more.
		err = c.markReaders(c.next, c.ends)
	}
	if err != nil {
		return errors.Join(err, c.rollBack())
	}
	for address, s := range c.old.sinks {
		if now := c.next.sinks[address]; now != nil && now != s {
			c.closeSink(s) // before the new one opens the same place
		}
	}
	c.run(c.next)
	for _, d := range c.drains {
		if d.task == nil {
			d.task = c.start(d.Run)
		}
	}
	c.publish(c.next)
	return nil
}

// divide says, for each pipeline of the old generation, which of its parts go
// on, and lists the tasks of those that do not.
func (c *change) divide() (keeps map[string]*pipe, stops []*task) {
	keeps = map[string]*pipe{}
	for name, p := range c.old.pipes {
		keep := &pipe{cfg: p.cfg, log: p.log, stages: p.stages, lanes: map[string]*lane{}, dispatchers: map[string]*dispatcher{}}
		touch := c.plan.Touched("pipeline." + name)
		for address, l := range p.lanes {
			if touch&plan.Lanes == 0 && c.reads(name, address) && c.next.sources[address] == c.old.sources[address] {
				keep.lanes[address] = l
			} else {
				stops = append(stops, l.task)
			}
		}
		for address, d := range p.dispatchers {
			same := c.next.sinks[address] == nil || c.next.sinks[address] == c.old.sinks[address]
			if c.writes(name, address) {
				same = same && touch&plan.Dispatch == 0 && c.plan.Touched("sink."+address)&plan.Dispatch == 0
			}
			if same {
				keep.dispatchers[address] = d
			} else {
				stops = append(stops, d.task)
			}
		}
		keeps[name] = keep
	}
	return keeps, stops
}

// reads reports whether the next generation has a lane, writes whether it has a
// dispatcher.
func (c *change) reads(pipeline, source string) bool {
	return slices.ContainsFunc(c.next.cfg.Pipelines, func(p *config.Pipeline) bool {
		return p.Name == pipeline && slices.ContainsFunc(p.From, func(s *config.Source) bool { return s.Address == source })
	})
}

func (c *change) writes(pipeline, sink string) bool {
	return slices.ContainsFunc(c.next.cfg.Pipelines, func(p *config.Pipeline) bool {
		return p.Name == pipeline && slices.ContainsFunc(sinksOf(p), func(s *config.Sink) bool { return s.Address == sink })
	})
}

// assembleNext makes the parts of the next generation that are not kept, and
// finds those that only deliver what is left.
func (c *change) assembleNext(keeps map[string]*pipe) error {
	for _, cfg := range c.next.cfg.Pipelines {
		if err := c.addPipe(c.next, cfg, keeps[cfg.Name]); err != nil {
			return fmt.Errorf("pipeline %q: %w", cfg.Name, err)
		}
	}
	for name, p := range c.old.pipes {
		for _, s := range sinksOf(p.cfg) {
			if c.writes(name, s.Address) {
				continue
			}
			d := keeps[name].dispatchers[s.Address]
			if d == nil { // its sink has another plugin now
				n, err := c.journal.SinkNumber(s.Address)
				if err == nil {
					d, err = c.newDispatcher(p.cfg, p.log, s, c.next.sinks[s.Address], n)
				}
				if err != nil {
					return fmt.Errorf("pipeline %q: %w", name, err)
				}
			}
			c.drains = append(c.drains, d)
		}
	}
	return nil
}

// stay has the sources that were about to leave receive again, and ends the new
// plugins.
func (c *change) stay() error {
	c.endpointMu.Lock()
	clear(c.leaving)
	c.endpointMu.Unlock()
	err := c.setEndpoints()
	stopAll(c.started)
	return err
}

// rollBack makes anew what was stopped of the old generation, and runs it.
func (c *change) rollBack() error {
	again := newGraph(c.old.cfg, c.old.cat, c.old.snap)
	again.sources, again.sinks, again.lookups = c.old.sources, c.old.sinks, c.old.lookups
	keeps := map[string]*pipe{}
	for name, p := range c.old.pipes {
		keep := &pipe{stages: p.stages, lanes: map[string]*lane{}, dispatchers: map[string]*dispatcher{}}
		for address, l := range p.lanes {
			if !l.task.over() {
				keep.lanes[address] = l
			}
		}
		for address, d := range p.dispatchers {
			if !d.task.over() {
				keep.dispatchers[address] = d
			}
		}
		keeps[name] = keep
	}
	for _, cfg := range again.cfg.Pipelines {
		if err := c.addPipe(again, cfg, keeps[cfg.Name]); err != nil {
			// Neither generation can run: to go on would be to pretend.
			err = fmt.Errorf("engine: pipeline %q of the old configuration does not start again: %w", cfg.Name, err)
			c.fail(err)
			return err
		}
	}
	err := c.markReaders(again, nil)
	c.run(again)
	c.graph.Store(again)
	return errors.Join(err, c.stay())
}

// publish makes g the generation at work, for requests too.
func (c *change) publish(g *graph) {
	c.endpointMu.Lock()
	defer c.endpointMu.Unlock()
	c.graph.Store(g)
	clear(c.leaving)
	if err := c.offer(g); err != nil {
		// They were checked: a plugin has started again and says something else.
		c.log.Error().Err(err).Msg("receiver serves the endpoints of before")
		c.notes = append(c.notes, "the receiver serves the endpoints of before: "+err.Error())
	}
}

// finish delivers what is left for the sinks that left, ends all that is not
// needed any more and tells what is left over.
func (c *change) finish(ctx context.Context) (notes []string, err error) {
	c.drainDispatchers(ctx)
	var stops []*task
	for _, d := range c.drains {
		stops = append(stops, d.task)
	}
	stopAll(stops)
	stops = stops[:0]
	for address, s := range c.old.sinks {
		now := c.next.sinks[address]
		if now == nil {
			c.closeSink(s)
		}
		if now != s {
			stops = append(stops, s.task)
		}
	}
	for address, s := range c.old.sources {
		if c.next.sources[address] != s {
			stops = append(stops, s.task)
		}
	}
	for address, t := range c.old.lookups {
		if c.next.lookups[address] != t {
			stops = append(stops, t.task)
		}
	}
	stopAll(append(stops, c.idleStages()...))
	return c.giveUp(ctx, c.next, c.discard)
}

// idleStages are the tasks of stages that no pipeline has any more.
func (c *change) idleStages() (out []*task) {
	used := map[*task]bool{}
	for _, p := range c.next.pipes {
		for i := range p.stages {
			used[p.stages[i].task] = true
		}
	}
	for _, p := range c.old.pipes {
		for i := range p.stages {
			if t := p.stages[i].task; t != nil && !used[t] {
				out = append(out, t)
			}
		}
	}
	return out
}
