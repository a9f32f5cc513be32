// Package stage is what a pipeline's stages have in common: the batch that
// passes through them and the interface that each of them implements, one in a
// package of its own below this one.
//
// A stage changes events, ends them with an outcome, or adds to the step that
// will be committed; it never drops one silently (I3), keeps nothing between
// batches that a restart may lose, and asks nobody outside the process.
package stage

import (
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
	// Env is for expressions; stages set Event and Found before each use.
	Env expr.Env
}

// Stage is one step of a pipeline. Apply is called from one goroutine at a time.
type Stage interface {
	Apply(b *Batch) error
}
