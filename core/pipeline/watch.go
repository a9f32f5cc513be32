package pipeline

import (
	"context"
	"strconv"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/core/staged"
	"github.com/patchbay-io/patchbay/core/tap"
	"github.com/patchbay-io/patchbay/sdk"
)

// The places of a pipeline that are no stages.
const (
	placeParsed = "parsed" // what the plugin found, before the first stage
	placeStaged = "staged" // what waits for sinks
	placeEnded  = "ended"  // what goes nowhere, and requests that gave no event
)

// place names a place of the pipeline for a tap.
func (o *Options) place(name string) string { return "pipeline." + o.Pipeline + ":" + name }

// Places names the places of a pipeline for a tap, in the order in which events
// pass them.
func Places(pipeline string, stages []string) (out []tap.Place) {
	o := Options{Pipeline: pipeline}
	out = append(out, tap.Place{Name: o.place(placeParsed)})
	for _, s := range stages {
		out = append(out, tap.Place{Name: o.place(s), Stage: true})
	}
	return append(out, tap.Place{Name: o.place(placeStaged)}, tap.Place{Name: o.place(placeEnded)})
}

// StageNames names the stages of a pipeline for Options.Names: filter,
// enrich.campaign. Of several without a label the second is filter.2.
func StageNames(p *config.Pipeline) []string {
	var out []string
	times := map[string]int{}
	for _, s := range p.Stages {
		name := s.Kind
		if s.Label != "" {
			name += "." + s.Label
		}
		times[name]++
		if n := times[name]; n > 1 {
			name += "." + strconv.Itoa(n)
		}
		out = append(out, name)
	}
	return out
}

// apply passes the batch through the stages, and shows it to those who watch.
func (l *Lane) apply(ctx context.Context, b *stage.Batch, rec *tap.Recorder) error {
	if rec == nil {
		for _, s := range l.o.Stages {
			if err := s.Apply(ctx, b); err != nil {
				return err
			}
		}
		return nil
	}
	show(rec.At(l.o.place(placeParsed), false), b.Items, nil)
	for i, s := range l.o.Stages {
		var in, out *tap.Spot
		if i < len(l.o.Names) {
			place := l.o.place(l.o.Names[i])
			in, out = rec.At(place, true), rec.At(place, false)
		}
		show(in, b.Items, nil)
		var before []bool
		if out != nil {
			before = ended(b.Items)
		}
		if err := s.Apply(ctx, b); err != nil {
			return err
		}
		show(out, b.Items, before)
	}
	return nil
}

// ended says which items go no further.
func ended(items []stage.Item) []bool {
	out := make([]bool, len(items))
	for i := range items {
		out[i] = items[i].Outcome != 0
	}
	return out
}

// show adds the items that pass a spot: those under way, and those that ended
// there if before says which had ended earlier.
func show(s *tap.Spot, items []stage.Item, before []bool) {
	if s == nil {
		return
	}
	for i := range items {
		it := &items[i]
		switch {
		case it.Outcome == 0:
			s.Add(it.Event, tap.Note{})
		case before != nil && !before[i]:
			s.Add(it.Event, tap.Note{Outcome: it.Outcome.String(), Detail: detail(it.By, it.Detail)})
		}
	}
}

func detail(by, text string) string {
	if text == "" {
		return by
	}
	return by + ": " + text
}

// show shows what becomes of an event, or of a request without one.
func (w *writer) show(meta *staged.Meta, e *sdk.Event) {
	if n := meta.Note; n != nil {
		w.ended.Add(e, tap.Note{Outcome: n.Outcome.String(), Detail: detail(n.By, n.Detail)})
		return
	}
	if w.staged == nil {
		return
	}
	sinks := make([]string, len(meta.Targets))
	for i, t := range meta.Targets {
		sinks[i] = w.o.Sinks[t]
	}
	w.staged.Add(e, tap.Note{Outcome: journal.Staged.String(), Sinks: sinks})
}
