// Package set sets fields of an event to values that come from the event itself:
// the stage `set`.
//
// All values are computed before any is set. A null value sets nothing.
package set

import (
	"context"
	"fmt"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/stage"
)

// Stage is one set stage.
type Stage struct {
	sets stage.Assignments
}

// New returns the stage.
func New(c *config.Set) (*Stage, error) {
	as, err := stage.NewAssignments(c.Set)
	if err != nil {
		return nil, fmt.Errorf("set: %w", err)
	}
	return &Stage{as}, nil
}

// Apply implements stage.Stage.
func (s *Stage) Apply(_ context.Context, b *stage.Batch) error {
	for i := range b.Items {
		if it := &b.Items[i]; it.Outcome == 0 {
			b.Env.Reset(it.Event)
			s.sets.Apply(&b.Env)
		}
	}
	return nil
}
