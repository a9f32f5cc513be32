// Package enrich sets fields from a lookup's row: the stage `enrich`.
//
// The key is an expression over the event; the row found is `found` in the
// expressions that set fields. No key or no row leaves the event as it is. A
// null value sets nothing; all values are computed before any is set.
//
// The keys of a batch are looked up together. Where a lookup gives a key up, the
// event goes on without, and says so in the attribute lookup_failed.
package enrich

import (
	"context"
	"fmt"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/sdk"
)

// Table finds rows.
type Table interface {
	// Find sets rows[i] to the row of keys[i] where there is one. failed are the
	// indexes of the keys that were given up: whether they have a row is not
	// known. It waits for as long as it takes, or until ctx ends, which is the
	// only error. It is safe for concurrent use.
	Find(ctx context.Context, keys []string, rows []*expr.Row) (failed []int, err error)
}

// Stage is one enrich stage.
type Stage struct {
	table Table
	name  string // the lookup's address
	key   *expr.String
	sets  stage.Assignments
}

// New returns the stage.
func New(c *config.Enrich, t Table) (*Stage, error) {
	as, err := stage.NewAssignments(c.Set)
	if err != nil {
		return nil, fmt.Errorf("enrich: %w", err)
	}
	return &Stage{table: t, name: c.Lookup.Address, key: c.Key, sets: as}, nil
}

// Apply implements stage.Stage.
func (s *Stage) Apply(ctx context.Context, b *stage.Batch) error {
	keys := make([]string, 0, len(b.Items))
	owner := make([]*sdk.Event, 0, len(b.Items))
	for i := range b.Items {
		it := &b.Items[i]
		if it.Outcome != 0 {
			continue
		}
		b.Env.Reset(it.Event)
		if key, ok := s.key.Eval(&b.Env); ok && key != "" {
			keys, owner = append(keys, key), append(owner, it.Event)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	rows := make([]*expr.Row, len(keys))
	failed, err := s.table.Find(ctx, keys, rows)
	if err != nil {
		return fmt.Errorf("enrich: %s: %w", s.name, err)
	}
	for _, i := range failed {
		s.mark(owner[i])
	}
	for i, row := range rows {
		if row == nil {
			continue
		}
		b.Env.Reset(owner[i])
		b.Env.Found = row
		s.sets.Apply(&b.Env)
	}
	return nil
}

// mark notes on an event that a lookup was given up.
func (s *Stage) mark(e *sdk.Event) {
	if before, ok := e.Attributes.Get(sdk.AttrLookupFailed); ok && before != s.name {
		e.Attributes.Set(sdk.AttrLookupFailed, before+","+s.name)
		return
	}
	e.Attributes.Set(sdk.AttrLookupFailed, s.name)
}
