// Package lint finds in a valid configuration what can lose, double or leak
// data: what works as written, and yet doesn't guarantee what its author
// probably takes for granted.
//
// Check looks at the configuration alone, Authentication at what a source's
// plugin answered besides. Both are pure. A finding says where, what follows
// from it, and what to write instead; warnings are probably mistakes, notes are
// how things are. A comment
//
//	# patchbay:ignore PB2508 only the monitoring network reaches this port
//
// on the line of a finding, or above it, silences it for a reason; Silence takes
// such findings out, and reports comments that silence nothing.
//
// Invariants:
//   - Findings never keep a configuration from running: none is an error.
//   - Errors, and warnings that depend on the machine, can't be silenced.
//   - The same configuration gives the same findings in the same order.
package lint

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
)

// Check returns what a configuration without errors doesn't guarantee.
func Check(cfg *config.Config) diag.List {
	l := &linter{cfg: cfg}
	l.listeners()
	l.storage()
	l.sources()
	l.sinks()
	var header hcl.Range
	for _, p := range cfg.Pipelines {
		if p.Range != header { // else it is another instance of the same block
			l.pipeline(p)
		}
		header = p.Range
	}
	l.twoWays()
	l.out.Sort()
	return l.out
}

type linter struct {
	cfg *config.Config
	out diag.List
}

func (l *linter) add(sev diag.Severity, code diag.Code, rng hcl.Range, context, summary, detail string) {
	d := diag.Diagnostic{Severity: sev, Code: code, Context: context, Summary: summary, Detail: detail}
	if rng.Filename != "" {
		d.Subject = &rng
	}
	l.out = append(l.out, d)
}

func (l *linter) warn(code diag.Code, rng hcl.Range, context, summary, detail string) {
	l.add(diag.Warning, code, rng, context, summary, detail)
}

// setting is where a setting is written, or else its block.
func (l *linter) setting(block, name string) hcl.Range {
	if r, ok := l.cfg.Ranges[block+"."+name]; ok {
		return r
	}
	return l.cfg.Ranges[block]
}
