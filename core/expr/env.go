package expr

import (
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/patchbay-io/patchbay/sdk"
)

// Env is what an expression is evaluated against: one event at a time. Reuse it
// with Reset. It isn't safe for concurrent use; compiled expressions are, each
// goroutine with an Env of its own.
type Env struct {
	Event *sdk.Event
	Found *Row      // the lookup's row, nil if there is none
	Now   time.Time // what now() returns

	payload       any
	payloadParsed bool
}

// Reset makes e the event to evaluate against and forgets the row and the
// parsed payload of the one before.
func (env *Env) Reset(e *sdk.Event) {
	env.Event, env.Found = e, nil
	env.payload, env.payloadParsed = nil, false
}

// Row is one row of a lookup. Rows of one table share Columns.
type Row struct {
	Columns map[string]int
	Values  []string
}

// get returns a column's value; an empty cell counts as missing.
func (r *Row) get(column string) (string, bool) {
	if r == nil {
		return "", false
	}
	i, ok := r.Columns[column]
	if !ok || i >= len(r.Values) || r.Values[i] == "" {
		return "", false
	}
	return r.Values[i], true
}

// Bool is a compiled condition.
type Bool struct {
	eval     func(*Env) bool
	uses     []Use
	constant bool
	rng      hcl.Range
	text     string
}

// Eval reports whether the condition holds; null does not hold.
func (b *Bool) Eval(env *Env) bool { return b.eval(env) }

// String is a compiled text.
type String struct {
	eval func(*Env) (string, bool)
	uses []Use
	text string
}

// Eval returns the text; false means null.
func (s *String) Eval(env *Env) (string, bool) { return s.eval(env) }
