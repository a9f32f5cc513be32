package lookup

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/rs/zerolog"
)

// Table is an open lookup.
type Table interface {
	// Find sets rows[i] to the row of keys[i] where there is one; failed are the
	// indexes of the keys that were given up. The only error is ctx's. It is safe
	// for concurrent use.
	Find(ctx context.Context, keys []string, rows []*expr.Row) (failed []int, err error)
	// Run keeps the table up to date until ctx ends, and then lets go of what it
	// holds. It is called once.
	Run(ctx context.Context)
	// Status is safe for concurrent use.
	Status() Status
}

// Status is a lookup's state for people. Counts are since the start.
type Status struct {
	Rows     int       `json:"rows"`               // of a file, or answers in the cache
	Hits     int64     `json:"hits,omitempty"`     // keys answered from the cache
	Found    int64     `json:"found,omitempty"`    // keys answered with a row
	Missing  int64     `json:"missing,omitempty"`  // keys that have no row
	Refused  int64     `json:"refused,omitempty"`  // answers refused for one key
	Outages  int64     `json:"outages,omitempty"`  // questions that got no answer
	Skipped  int64     `json:"skipped,omitempty"`  // keys given up
	Waiting  int       `json:"waiting,omitempty"`  // batches that wait for it now
	Error    string    `json:"error,omitempty"`    // of the last question, if it failed
	AskAgain time.Time `json:"ask_again,omitzero"` // while it is left alone after a failure
}

// Options are what a configuration does not say.
type Options struct {
	Log zerolog.Logger
	// Mask blanks out secrets in a text. Nil means that there are none.
	Mask func(string) string
	// Now and Sleep are the clock; nil means the system's. Sleep returns early
	// with ctx's error.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	// Jitter chooses a pause between zero and most; nil means at random.
	Jitter func(most time.Duration) time.Duration
}

func (o Options) withDefaults() Options {
	if o.Mask == nil {
		o.Mask = func(s string) string { return s }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Jitter == nil {
		o.Jitter = func(most time.Duration) time.Duration { return rand.N(most) + 1 }
	}
	return o
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Open opens a lookup. Databases and web services are not spoken to before the
// first Find: that they are away must not keep patchbay from receiving.
func Open(c *config.Lookup, o Options) (Table, error) {
	o = o.withDefaults()
	o.Log = o.Log.With().Str("lookup", c.Address).Logger()
	switch c.Type {
	case config.LookupCSV:
		return OpenCSV(c.File, c.Key, c.Reload, o.Log)
	case config.LookupSQL:
		f, err := openSQL(c)
		if err != nil {
			return nil, fmt.Errorf("lookup: %s: %s", c.Address, o.Mask(err.Error()))
		}
		return newRemote(f, c.Remote, o), nil
	case config.LookupHTTP:
		return newRemote(openHTTP(c), c.Remote, o), nil
	}
	return nil, fmt.Errorf("lookup: type %q is unknown", c.Type)
}
