package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/expr"
)

// Test is one test block: recorded requests, and what must come of them.
type Test struct {
	Name     string
	Pipeline *Pipeline
	// Source is where all requests arrive; nil means that the path of each tells.
	Source *Source
	Given  []Given // in the order in which they arrive
	// Now is the time of receipt, and what now() means; zero means the time of
	// the run.
	Now time.Time
	// Authenticate has the requests authenticated as the source's plugin wants
	// it. Without, none is: a recording was signed with a secret that the place
	// where tests run should not know.
	Authenticate bool
	// Secrets are JSON values for arguments of the source's plugin, by name, in
	// place of the configured ones.
	Secrets map[string]json.RawMessage
	Rows    []TestRows
	Expect  []Expect
	Range   hcl.Range
}

// Given is one recorded request.
type Given struct {
	File  string // as written
	Path  string // absolute; lies within the configuration's directory
	Range hcl.Range
}

// TestRows are all rows that a lookup has in a test.
type TestRows struct {
	Lookup *Lookup
	Rows   map[string]*expr.Row // by key
}

// What an Expect may be about.
const (
	ExpectEvent      = "event"       // events that wait for sinks
	ExpectFiltered   = "filtered"    // events that a filter ended
	ExpectDuplicate  = "duplicate"   // events that were seen before
	ExpectIgnored    = "ignored"     // requests that hold no event
	ExpectDeadLetter = "dead_letter" // requests, or parts of one, that were refused for good
	ExpectRefused    = "refused"     // requests that were not let in
)

// Expect is one assertion.
type Expect struct {
	Kind string
	// Sink is the sink that the events must be meant for; nil means any.
	Sink   *Sink
	Fields []ExpectField // in the order written
	When   *expr.Bool    // nil means no further condition
	// Word is the dead letter's code or the reason of the refusal; empty means any.
	Word string
	// Count is how many there must be; negative means at least one.
	Count int
	Range hcl.Range
}

// ExpectField is a field that an event must have. A null Want means that it must
// not be set.
type ExpectField struct {
	Name  string // event_type, attributes.region
	Get   *expr.String
	Want  string
	Null  bool
	Range hcl.Range
}

const testUsage = `test "what it shows" { ... }`

// maxTestName is the longest name of a test, in bytes.
const maxTestName = 120

// loadTests reads the test blocks, once all else is known.
func (l *loader) loadTests(blocks []*hclsyntax.Block) {
	if !l.opts.Tests {
		return
	}
	for _, block := range blocks {
		if len(block.Labels) != 1 {
			l.report(diag.WrongLabels, block.DefRange(), "test", "test needs 1 label", "Write "+testUsage+".")
			continue
		}
		name := block.Labels[0]
		if strings.TrimSpace(name) == "" || len(name) > maxTestName || strings.ContainsFunc(name, unicode.IsControl) {
			l.report(diag.WrongLabels, block.LabelRanges[0], "test", "unusable name "+quote(name),
				fmt.Sprintf("Say in up to %d bytes what the test shows.", maxTestName))
			continue
		}
		if l.unique("test "+quote(name), block) {
			l.cfg.Tests = append(l.cfg.Tests, l.test(block))
		}
	}
}

func (l *loader) test(block *hclsyntax.Block) *Test {
	b := l.body(block, blockContext(block))
	t := &Test{Name: block.Labels[0], Range: block.DefRange()}
	pipelineRef, sourceRef := b.take("pipeline"), b.take("source")
	if sourceRef != nil {
		t.Source = pick(b, sourceRef.Expr, "source", l.cfg.Sources, func(s *Source) string { return s.Address })
	}
	if pipelineRef != nil {
		t.Pipeline = pick(b, pipelineRef.Expr, "pipeline", l.cfg.Pipelines, func(p *Pipeline) string { return p.Name })
	} else {
		t.Pipeline = l.testedPipeline(b, t.Source)
	}
	if t.Pipeline != nil && t.Source != nil && !slices.Contains(t.Pipeline.From, t.Source) {
		b.report(diag.InvalidValue, sourceRef.Expr.Range(), fmt.Sprintf("pipeline %q does not read source %q", t.Pipeline.Name, t.Source.Address),
			"Name one of its own sources, or another pipeline.")
	}
	t.Given = l.given(b)
	t.Now = b.instant("now")
	t.Authenticate = b.flag("authenticate")
	t.Secrets = l.testSecrets(b, t)
	for _, nested := range b.takeBlocks("lookup") {
		if r, ok := l.testRows(b, nested); ok {
			t.Rows = append(t.Rows, r)
		}
	}
	for _, nested := range b.takeBlocks("expect") {
		t.Expect = append(t.Expect, l.expect(b, nested, t))
	}
	b.done()
	if len(t.Expect) == 0 {
		b.report(diag.NoAssertion, b.header, "the test expects nothing", "Write at least one expect { ... } block.")
	}
	l.checkLookups(b, t)
	return t
}

// testedPipeline finds the pipeline of a test that does not name it.
func (l *loader) testedPipeline(b *body, s *Source) *Pipeline {
	var found []*Pipeline
	for _, p := range l.cfg.Pipelines {
		if s == nil || slices.Contains(p.From, s) {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		b.report(diag.MissingArgument, b.header, `missing argument "pipeline"`, "Write pipeline = pipeline.NAME: there is more than one, or none.")
		return nil
	}
	return found[0]
}

// pick reads a reference to one of all. Tests refer to what is configured in the
// end, whatever it was made by, so an address is enough. Nil means that what is
// wrong has been reported.
func pick[T any](b *body, e hcl.Expression, kind string, all []*T, address func(*T) string) *T {
	rng := e.Range()
	parts := traversed(e)
	known := make([]string, 0, len(all))
	for _, x := range all {
		known = append(known, kind+"."+address(x))
	}
	written := strings.Join(parts, ".")
	if len(parts) < 2 || parts[0] != kind {
		b.l.suggest(diag.Error, diag.UnknownReference, rng, b.context, "not a reference to a "+kind,
			fmt.Sprintf("Write %s without quotes.", example(kind)), diag.Suggest(written, known))
		return nil
	}
	if i := slices.Index(known, written); i >= 0 {
		return all[i]
	}
	b.l.suggest(diag.Error, diag.UnknownReference, rng, b.context, fmt.Sprintf("unknown %s %q", kind, written[len(kind)+1:]),
		"It is not configured.", diag.Suggest(written, known))
	return nil
}

func example(kind string) string {
	if kind == "pipeline" {
		return "pipeline.NAME"
	}
	return kind + ".TYPE.NAME"
}

// traversed returns the names that a reference goes through, nil if it is none.
func traversed(e hcl.Expression) []string {
	t, diags := hcl.AbsTraversalForExpr(e)
	if diags.HasErrors() {
		return nil
	}
	var parts []string
	for _, step := range t {
		switch s := step.(type) {
		case hcl.TraverseRoot:
			parts = append(parts, s.Name)
		case hcl.TraverseAttr:
			parts = append(parts, s.Name)
		case hcl.TraverseIndex:
			if s.Key.Type() != cty.String {
				return nil
			}
			parts = append(parts, s.Key.AsString())
		}
	}
	return parts
}

// checkLookups refuses a test that would have to ask somebody outside.
func (l *loader) checkLookups(b *body, t *Test) {
	if t.Pipeline == nil {
		return
	}
	for i := range t.Pipeline.Stages {
		e := t.Pipeline.Stages[i].Enrich
		if e == nil || e.Lookup == nil || e.Lookup.Type == LookupCSV ||
			slices.ContainsFunc(t.Rows, func(r TestRows) bool { return r.Lookup == e.Lookup }) {
			continue
		}
		b.report(diag.LookupNeedsRows, b.header, fmt.Sprintf("lookup %q needs rows for the test", e.Lookup.Address),
			fmt.Sprintf("A test asks nobody outside. Write lookup %q %q { rows = { ... } } in it.", e.Lookup.Type, e.Lookup.Name))
	}
}
