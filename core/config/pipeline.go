package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/expr"
)

// declarePipeline makes the pipelines that a block stands for.
func (l *loader) declarePipeline(t *thing) cty.Value {
	return l.expand(t, func(in instance) any {
		return &Pipeline{Name: l.mod.address + t.block.Labels[0] + in.suffix(), Range: t.rng}
	}, func(made any) cty.Value { return cty.CapsuleVal(pipelineType, made) })
}

// loadPipelines reads the module's pipeline blocks, once everything that they
// refer to is known.
func (l *loader) loadPipelines() {
	for _, t := range l.mod.of("pipeline") {
		for _, in := range t.instances {
			p := in.made.(*Pipeline)
			if !l.taken("pipeline."+p.Name, t) {
				in.l.pipeline(p, in.open(t.block))
				l.cfg.Pipelines = append(l.cfg.Pipelines, p)
			}
		}
	}
}

func (l *loader) pipeline(p *Pipeline, b *body) {
	p.From = references[Source](b, b.require("from", "Write from = [source.TYPE.NAME]."), "source")
	p.To = references[Sink](b, b.require("to", "Write to = [sink.TYPE.NAME]."), "sink")
	for _, kind := range kinds() {
		b.takeBlocks(kind)
	}
	p.OnFailure = l.onFailure(b)
	b.done()
	seen := map[string]bool{}
	for _, nested := range b.syn.Blocks {
		if slices.Contains(kinds(), nested.Type) {
			p.Stages = append(p.Stages, l.stage(p, b, nested, seen))
		}
	}
}

// stage reads one stage.
func (l *loader) stage(p *Pipeline, outer *body, block *hclsyntax.Block, seen map[string]bool) Stage {
	s := Stage{Kind: block.Type, Range: block.DefRange()}
	b := outer.l.body(block, outer.context+", "+stageContext(block))
	labelled := s.Kind == KindEnrich || s.Kind == KindRoute || s.Kind == KindSet && len(block.Labels) > 0
	switch {
	case labelled && l.name(block, 1, fmt.Sprintf("%s %q { ... }", s.Kind, "NAME")):
		s.Label = block.Labels[0]
	case !labelled && len(block.Labels) > 0:
		b.report(diag.WrongLabels, block.LabelRanges[0], s.Kind+" has no label", "Write "+s.Kind+" { ... }.")
	}
	key := s.Kind + " " + s.Label
	if seen[key] && s.Kind != KindFilter && key != KindSet+" " && (s.Label != "" || !labelled) {
		b.report(diag.DuplicateName, s.Range, "duplicate stage "+strings.TrimSpace(key), "A pipeline has one of it.")
	}
	seen[key] = true
	switch s.Kind {
	case KindDedup:
		s.Dedup = l.dedup(p, b)
	case KindNormalize:
		s.Normalize = l.normalize(b)
	case KindEnrich:
		s.Enrich = l.enrich(b)
	case KindFilter:
		s.Filter = &Filter{When: l.condition(b)}
	case KindSet:
		s.Set = l.setStage(b)
	case KindRedact:
		s.Redact = l.redact(b)
	case KindRoute:
		s.Route = &Route{
			When: l.condition(b),
			To:   references[Sink](b, b.require("to", "Write to = [sink.TYPE.NAME]."), "sink"),
		}
	}
	b.done()
	return s
}

func stageContext(b *hclsyntax.Block) string {
	if len(b.Labels) > 0 {
		return blockContext(b)
	}
	return "stage " + b.Type
}

// leastWindow is what the stage dedup can tell apart.
const leastWindow = time.Second

func (l *loader) dedup(p *Pipeline, b *body) *Dedup {
	d := &Dedup{Window: b.duration("window", defaultWindow)}
	rng := b.header
	if a := b.syn.Attributes["window"]; a != nil {
		rng = a.Expr.Range()
	}
	if d.Window < leastWindow {
		b.report(diag.OutOfRange, rng, `"window" is too short`, "At least 1s; without it events are remembered for 168h.")
		return d
	}
	for _, s := range p.From {
		horizon := time.Duration(s.Info.GetSource().GetRetryHorizonMs()) * time.Millisecond
		if d.Window < horizon {
			l.warn(diag.WindowTooShort, rng, b.context, fmt.Sprintf("the dedup window is shorter than source %q may repeat requests", s.Address),
				fmt.Sprintf("%s repeats unacknowledged requests for up to %s; a repetition after the window counts as a new event.", upperFirst(s.Type), hours(horizon)))
		}
	}
	return d
}

// hours writes a duration without its zeros.
func hours(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (l *loader) normalize(b *body) *Normalize {
	name, rng := b.text("mapping", "")
	n := &Normalize{}
	if !rng.Empty() {
		n.Mapping, _ = l.confined(b, name, rng)
	}
	return n
}

// scope is what expressions of a stage may refer to besides events: the values
// that the stage's own arguments mention.
func (l *loader) scope(b *body) expr.Scope {
	all := tree{}
	for _, name := range slices.Sorted(maps.Keys(b.syn.Attributes)) {
		b.l.gatherStatic(b.syn.Attributes[name].Expr, b.context, all)
	}
	return expr.Scope{Context: b.context, Static: all.values()}
}

func (l *loader) condition(b *body) *expr.Bool {
	a := b.require("when", `Write a condition, for instance when = event.event_type != "queued".`)
	if a == nil {
		return nil
	}
	when, diags := expr.CompileBool(a.Expr, l.scope(b))
	l.diags = append(l.diags, diags...)
	return when
}

func (l *loader) enrich(b *body) *Enrich {
	e := &Enrich{}
	if a := b.require("lookup", "Write lookup = lookup.csv.NAME."); a != nil {
		e.Lookup = reference[Lookup](b, a.Expr, "lookup")
	}
	if a := b.require("key", "Write what to look up, for instance key = event.campaign_id."); a != nil {
		key, diags := expr.CompileString(a.Expr, l.scope(b))
		l.diags = append(l.diags, diags...)
		e.Key = key
	}
	if a := b.require("set", "Write what to set, for instance set = { region = found.region }."); a != nil {
		scope := l.scope(b)
		scope.Found = true
		if e.Lookup != nil {
			scope.Columns = e.Lookup.Columns
		}
		e.Set = l.assignments(b, a, scope, "Write set = { region = found.region }.")
	}
	return e
}

// assignments reads an object whose keys are what is set and whose values are
// expressions.
func (l *loader) assignments(b *body, a *hclsyntax.Attribute, scope expr.Scope, usage string) []Assignment {
	pairs, diags := hcl.ExprMap(a.Expr)
	if diags.HasErrors() || len(pairs) == 0 {
		b.report(diag.WrongType, a.Expr.Range(), quote(a.Name)+" must name what to set", usage)
		return nil
	}
	var out []Assignment
	seen := map[string]bool{}
	for _, pair := range pairs {
		value, diags := expr.CompileString(pair.Value, scope)
		l.diags = append(l.diags, diags...)
		as, ok := l.target(b, pair.Key)
		if !ok {
			continue
		}
		if seen[as.Field] {
			b.report(diag.DuplicateName, as.Range, quote(as.Field)+" is set twice", "The second value would hide the first.")
			continue
		}
		seen[as.Field] = true
		as.Value = value
		out = append(out, as)
	}
	return out
}

// attributePattern is what an attribute that enrichment sets may be called: a
// name that every sink can make a column or a key of.
var attributePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// assignable lists the canonical fields that enrichment may set: what says
// who and why, never what happened or where it came from.
func assignable() []string {
	return []string{"conversation_id", "customer_id", "campaign_id", "account", "error_reason", "recipient", "sender"}
}

// target reads what an assignment sets.
func (l *loader) target(b *body, key hcl.Expression) (Assignment, bool) {
	rng := key.Range()
	syn, _ := key.(hclsyntax.Expression)
	name, ok := literalKey(syn)
	if !ok {
		b.report(diag.UnsupportedSyntax, rng, "a name must be written out", "Names of fields and attributes can't be computed.")
		return Assignment{}, false
	}
	as := Assignment{Field: name, Range: rng}
	switch {
	case slices.Contains(assignable(), name):
		return as, true
	case slices.Contains(expr.Fields(), name):
		b.report(diag.NotAssignable, rng, quote(name)+" can't be set",
			"It may set "+list(assignable())+" and any attribute.")
		return as, false
	case !attributePattern.MatchString(name):
		b.report(diag.InvalidValue, rng, quote(name)+" is not a name for an attribute", "A name starts with a letter and has up to 63 letters, digits and _.")
		return as, false
	}
	as.Attribute = true
	if near := diag.Closest(name, expr.Fields(), 1); near != "" {
		l.suggest(diag.Warning, diag.ProbableTypo, rng, b.context, fmt.Sprintf("%q is set as an attribute", name),
			"There is no field of that name.", near)
	}
	return as, true
}
