package testrun

import (
	"context"
	"fmt"
	"sync"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/core/stage"
)

// coverage is what the tests of a run exercised.
type coverage struct {
	mu        sync.Mutex
	pipelines map[*config.Pipeline]bool
	held      map[*expr.Bool][2]bool // whether a condition did not hold, and did
}

func newCoverage() *coverage {
	return &coverage{pipelines: map[*config.Pipeline]bool{}, held: map[*expr.Bool][2]bool{}}
}

// condition is that of a filter or route, nil for other stages.
func condition(s *config.Stage) *expr.Bool {
	switch {
	case s.Filter != nil:
		return s.Filter.When
	case s.Route != nil:
		return s.Route.When
	}
	return nil
}

// watch has the conditions of a pipeline's stages observed.
func (c *coverage) watch(p *config.Pipeline, stages []stage.Stage) []stage.Stage {
	c.mu.Lock()
	c.pipelines[p] = true
	c.mu.Unlock()
	out := make([]stage.Stage, len(stages))
	for i, st := range stages {
		out[i] = st
		if when := condition(&p.Stages[i]); when != nil {
			out[i] = &watched{st, when, c}
		}
	}
	return out
}

// watched is a stage whose condition is observed.
type watched struct {
	stage.Stage
	when  *expr.Bool
	cover *coverage
}

// Apply implements stage.Stage.
func (w *watched) Apply(ctx context.Context, b *stage.Batch) error {
	w.cover.mu.Lock()
	seen := w.cover.held[w.when]
	for i := range b.Items {
		if b.Items[i].Outcome != 0 {
			continue
		}
		b.Env.Reset(b.Items[i].Event)
		if w.when.Eval(&b.Env) {
			seen[1] = true
		} else {
			seen[0] = true
		}
	}
	w.cover.held[w.when] = seen
	w.cover.mu.Unlock()
	return w.Stage.Apply(ctx, b)
}

// missed names what no test exercised.
func (c *coverage) missed(cfg *config.Config) []string {
	var out []string
	for _, p := range cfg.Pipelines {
		if !c.pipelines[p] {
			out = append(out, fmt.Sprintf("pipeline %q (%s): no test", p.Name, place(p.Range.Filename, p.Range.Start.Line)))
			continue
		}
		for i := range p.Stages {
			s := &p.Stages[i]
			held := c.held[condition(s)]
			switch {
			case s.Route != nil && !held[1]:
				out = append(out, fmt.Sprintf("pipeline %q, route %q (%s): no event took it", p.Name, s.Label, place(s.Range.Filename, s.Range.Start.Line)))
			case s.Filter != nil && !held[0]:
				out = append(out, fmt.Sprintf("pipeline %q, filter (%s): it ended no event", p.Name, place(s.Range.Filename, s.Range.Start.Line)))
			case s.Filter != nil && !held[1]:
				out = append(out, fmt.Sprintf("pipeline %q, filter (%s): no event passed it", p.Name, place(s.Range.Filename, s.Range.Start.Line)))
			}
		}
	}
	return out
}
