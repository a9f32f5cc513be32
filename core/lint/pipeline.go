package lint

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/patchbay-io/patchbay/configs"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/expr"
)

// pipeline looks at one pipeline and the order of its stages.
func (l *linter) pipeline(p *config.Pipeline) {
	l.dedup(p)
	l.normalize(p)
	l.redaction(p)
	routed := false
	for i := range p.Stages {
		s := &p.Stages[i]
		l.reads(p, i)
		l.constant(p, s)
		switch s.Kind {
		case config.KindRoute:
			routed = true
			l.route(p, s)
		case config.KindFilter:
			if routed {
				l.warn(diag.FilteredRoute, s.Range, context(p, s), "the filter also takes events from the route before it",
					"What it ends reaches no sink, the route's included. Put it before the route if that is meant, or the route into a pipeline of its own.")
			}
		}
	}
}

func has(p *config.Pipeline, kind string) bool {
	return slices.ContainsFunc(p.Stages, func(s config.Stage) bool { return s.Kind == kind })
}

func (l *linter) dedup(p *config.Pipeline) {
	if has(p, config.KindDedup) {
		return
	}
	var repeat []string
	for _, s := range p.From {
		if h := horizon(s); h > 0 {
			repeat = append(repeat, fmt.Sprintf("%s (for up to %s)", s.Type, hours(h)))
		}
	}
	slices.Sort(repeat)
	if repeat = slices.Compact(repeat); len(repeat) > 0 {
		l.warn(diag.NoDedup, p.Range, context(p, nil), "repeated requests count again",
			fmt.Sprintf(`%s repeats what was not acknowledged in time, and nothing here recognises that. Write dedup { window = "168h" } first.`,
				strings.Join(repeat, " and ")))
	}
}

// mapped reports whether a table gives the source's events their types.
func mapped(s *config.Source) bool {
	_, err := fs.Stat(configs.FS, "mapping/"+s.Type+".csv")
	return err == nil
}

func (l *linter) normalize(p *config.Pipeline) {
	if has(p, config.KindNormalize) {
		return
	}
	var names []string
	for _, s := range p.From {
		if mapped(s) {
			names = append(names, s.Address)
		}
	}
	if len(names) > 0 {
		l.warn(diag.NoNormalize, p.Range, context(p, nil), "event types stay unmapped",
			fmt.Sprintf("The words of %s become event types in normalize, so without it reports see no deliveries. Write normalize {} after dedup.",
				strings.Join(names, " and ")))
	}
}

// sets lists the fields that a stage sets.
func sets(p *config.Pipeline, s *config.Stage) []string {
	switch s.Kind {
	case config.KindNormalize:
		fields := []string{"delivery_status"}
		if s.Normalize.Mapping != "" || slices.ContainsFunc(p.From, mapped) {
			fields = append(fields, "event_type")
		}
		return fields
	case config.KindEnrich:
		var fields []string
		for _, a := range s.Enrich.Set {
			fields = append(fields, target(a))
		}
		return fields
	case config.KindSet:
		var fields []string
		for _, a := range s.Set.Set {
			fields = append(fields, target(a))
		}
		return fields
	}
	return nil
}

func target(a config.Assignment) string {
	if a.Attribute {
		return expr.AttributePrefix + a.Field
	}
	return a.Field
}

// uses lists what a stage reads of the event.
func uses(s *config.Stage) []expr.Use {
	switch s.Kind {
	case config.KindFilter:
		return s.Filter.When.Uses()
	case config.KindRoute:
		return s.Route.When.Uses()
	case config.KindEnrich:
		out := slices.Clone(s.Enrich.Key.Uses())
		for _, a := range s.Enrich.Set {
			out = append(out, a.Value.Uses()...)
		}
		return out
	case config.KindSet:
		var out []expr.Use
		for _, a := range s.Set.Set {
			out = append(out, a.Value.Uses()...)
		}
		return out
	}
	return nil
}

// reads looks for fields that the stage reads before another sets them.
func (l *linter) reads(p *config.Pipeline, i int) {
	s := &p.Stages[i]
	reported := map[string]bool{}
	for _, u := range uses(s) {
		if reported[u.Field] || slices.ContainsFunc(p.Stages[:i], func(s config.Stage) bool { return slices.Contains(sets(p, &s), u.Field) }) {
			continue
		}
		for j := range p.Stages[i+1:] {
			later := &p.Stages[i+1+j]
			if !slices.Contains(sets(p, later), u.Field) {
				continue
			}
			reported[u.Field] = true
			name := later.Kind
			if later.Label != "" {
				name = fmt.Sprintf("%s %q", later.Kind, later.Label)
			}
			l.warn(diag.ReadBeforeSet, u.Range, context(p, s), fmt.Sprintf("event.%s is set later, by %s", u.Field, name),
				fmt.Sprintf("Here it has what the provider sent, or nothing. Put %s before this stage.", name))
			break
		}
	}
}

// constant looks for conditions that don't depend on the event.
func (l *linter) constant(p *config.Pipeline, s *config.Stage) {
	var when *expr.Bool
	var never, always string
	switch s.Kind {
	case config.KindFilter:
		when, never, always = s.Filter.When, "the filter ends every event: no sink gets any", "the filter ends nothing"
	case config.KindRoute:
		when, never, always = s.Route.When, "the route is never taken: its sinks get nothing from it", "the route is always taken"
	default:
		return
	}
	holds, ok := when.Constant()
	if !ok {
		return
	}
	summary, remedy := never, "Write a condition on the event, or remove the stage."
	if holds {
		summary = always
		if s.Kind == config.KindRoute {
			remedy = "Name its sinks in the pipeline's to instead."
		}
	}
	l.warn(diag.ConstantCondition, s.Range, context(p, s), summary, "The condition is the same for all events. "+remedy)
}

// route looks for sinks that get every event anyway.
func (l *linter) route(p *config.Pipeline, s *config.Stage) {
	for _, sink := range s.Route.To {
		if slices.Contains(p.To, sink) {
			l.warn(diag.UselessRoute, s.Range, context(p, s), fmt.Sprintf("sink %q gets every event anyway", sink.Address),
				"The pipeline's own to names it, so the condition decides nothing; no event is written twice. Remove it from one of the two.")
		}
	}
}

// all lists the sinks that a pipeline's events can reach.
func all(p *config.Pipeline) []*config.Sink {
	out := slices.Clone(p.To)
	for _, s := range p.Stages {
		if s.Route != nil {
			out = append(out, s.Route.To...)
		}
	}
	return out
}

// twoWays looks for events that reach a sink through two pipelines.
func (l *linter) twoWays() {
	for i, second := range l.cfg.Pipelines {
		for _, first := range l.cfg.Pipelines[:i] {
			for _, source := range second.From {
				if !slices.Contains(first.From, source) {
					continue
				}
				l.shared(first, second, source)
			}
		}
	}
}

func (l *linter) shared(first, second *config.Pipeline, source *config.Source) {
	reached := all(first)
	var seen []*config.Sink
	for _, sink := range all(second) {
		if !slices.Contains(reached, sink) || slices.Contains(seen, sink) {
			continue
		}
		seen = append(seen, sink)
		effect := "it gets each event twice"
		if sink.Info == nil || keyed(sink) {
			effect = "it keeps whichever pipeline's version came last"
		}
		l.warn(diag.TwoWays, second.Range, context(second, nil), fmt.Sprintf("sink %q gets the events of %q from pipeline %q too", sink.Address, source.Address, first.Name),
			fmt.Sprintf("Both carry the same events, so %s. Give each pipeline a sink of its own, or merge them.", effect))
	}
}
