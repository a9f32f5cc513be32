// Package filter ends the events for which a condition does not hold: the stage
// `filter`. They are counted and explained, not lost.
package filter

import (
	"context"

	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/stage"
)

// Stage is one filter stage.
type Stage struct {
	when  *expr.Bool
	where string
}

// New returns the stage; where is shown by explain, e.g. "main.hcl:12".
func New(when *expr.Bool, where string) *Stage { return &Stage{when, where} }

// Apply implements stage.Stage.
func (s *Stage) Apply(_ context.Context, b *stage.Batch) error {
	for i := range b.Items {
		it := &b.Items[i]
		if it.Outcome != 0 {
			continue
		}
		b.Env.Reset(it.Event)
		if !s.when.Eval(&b.Env) {
			it.End(journal.Filtered, "filter", s.where)
		}
	}
	return nil
}
