// Package stage is what a pipeline's stages have in common: the batch that
// passes through them and the interface that each of them implements, one in a
// package of its own below this one.
//
// A stage changes events, ends them with an outcome, or adds to the step that
// will be committed; it never drops one silently (I3) and keeps nothing between
// batches that a restart may lose. A lookup is the only thing outside the process
// that it may ask, and while that does not answer the stage waits: its pipeline
// is late, and nothing else (I13).
package stage

import (
	"context"
	"time"

	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/sdk"
)

// Item is one event on its way through a pipeline.
type Item struct {
	Event *sdk.Event
	// Identities are the event's further identities, beside its ID.
	Identities []string
	// Outcome is zero while the event is under way; then By is the stage that
	// ended it, Detail what a person should know of it.
	Outcome journal.Outcome
	By      string
	Detail  string
	// Targets are the numbers of the sinks that the event goes to, besides the
	// pipeline's own.
	Targets []uint32
	// Order is equal for the events of one message (I5). It is taken before the
	// stages, which may change what tells messages apart.
	Order uint64
}

// End ends the item.
func (it *Item) End(o journal.Outcome, by, detail string) {
	it.Outcome, it.By, it.Detail = o, by, detail
}

// Batch is what passes through the stages together.
type Batch struct {
	Items []Item
	// Tx is the step that the batch ends in: what a stage must remember goes
	// there (I7).
	Tx  *journal.Tx
	Now time.Time
	// Retried says that somebody has a dead letter tried again, however long ago it
	// was received.
	Retried bool
	// Oldest returns when the oldest request was received that the pipeline has
	// yet to carry, this batch included, or now if nothing waits. Nil means that
	// nothing waits beside this batch.
	Oldest func(now time.Time) (time.Time, error)
	// Env is for expressions; stages set Event and Found before each use.
	Env expr.Env
}

// Stage is one step of a pipeline. The pipeline's lanes share it, so Apply must
// be safe for concurrent use. It returns early with ctx's error if ctx ends; any
// error means that the batch's step is given up and nothing of it may count.
type Stage interface {
	Apply(ctx context.Context, b *Batch) error
}
