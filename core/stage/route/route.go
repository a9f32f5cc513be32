// Package route sends the events for which a condition holds to further sinks:
// the stage `route`.
package route

import (
	"context"
	"slices"

	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/core/stage"
)

// Stage is one route stage.
type Stage struct {
	when *expr.Bool
	to   []uint32
}

// New returns the stage; to are the sinks' numbers.
func New(when *expr.Bool, to []uint32) *Stage { return &Stage{when, to} }

// Apply implements stage.Stage.
func (s *Stage) Apply(_ context.Context, b *stage.Batch) error {
	for i := range b.Items {
		it := &b.Items[i]
		if it.Outcome != 0 {
			continue
		}
		b.Env.Reset(it.Event)
		if !s.when.Eval(&b.Env) {
			continue
		}
		for _, t := range s.to {
			if !slices.Contains(it.Targets, t) {
				it.Targets = append(it.Targets, t)
			}
		}
	}
	return nil
}
