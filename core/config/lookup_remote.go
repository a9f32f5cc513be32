package config

import (
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchbay-io/patchbay/core/diag"
)

// What happens to events while a lookup does not answer.
const (
	OnErrorRetry = "retry" // the pipeline waits
	OnErrorSkip  = "skip"  // the event goes on without, marked
)

// Remote is what lookups that ask somebody else have in common.
type Remote struct {
	TTL            time.Duration // how long an answer is used; default 5 min
	NegativeTTL    time.Duration // the same for "there is none"; default 30 s
	MaxEntries     int           // answers kept; default 100000
	Timeout        time.Duration // for one question; default 2 s
	MaxConnections int           // default 4
	OnError        string        // OnErrorRetry or OnErrorSkip
}

const (
	defaultTTL         = 5 * time.Minute
	defaultNegativeTTL = 30 * time.Second
	defaultEntries     = 100_000
	defaultAsk         = 2 * time.Second
	maxEntries         = 10_000_000
	maxConnections     = 100
)

func (l *loader) remote(b *body) *Remote {
	r := &Remote{TTL: defaultTTL, NegativeTTL: defaultNegativeTTL, MaxEntries: defaultEntries}
	r.Timeout = b.duration("timeout", defaultAsk)
	r.MaxConnections = int(b.bounded("max_connections", b.count("max_connections", 4, 1), maxConnections))
	r.OnError = b.word("on_error", OnErrorRetry, OnErrorSkip)
	for i, block := range b.takeBlocks("cache") {
		if i > 0 {
			b.report(diag.DuplicateName, block.DefRange(), `duplicate block "cache"`, "There can be one.")
			continue
		}
		c := l.body(block, b.context+", cache")
		if len(block.Labels) > 0 {
			c.report(diag.WrongLabels, block.LabelRanges[0], "cache has no label", "Write cache { ... }.")
		}
		r.TTL = c.duration("ttl", defaultTTL)
		r.NegativeTTL = c.duration("negative_ttl", defaultNegativeTTL)
		r.MaxEntries = int(c.bounded("max_entries", c.count("max_entries", defaultEntries, 1), maxEntries))
		c.done()
	}
	return r
}

// column checks the name of a column that a lookup gives.
func (b *body) column(name string, seen []string, e hclsyntax.Expression) bool {
	switch {
	case !attributePattern.MatchString(name):
		b.report(diag.InvalidValue, e.Range(), quote(name)+" is not a name for a column", "A name starts with a letter and has up to 63 letters, digits and _.")
	case slices.Contains(seen, name):
		b.report(diag.DuplicateName, e.Range(), "the column "+quote(name)+" twice", "Name it once.")
	default:
		return true
	}
	return false
}
