package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/sdk"
)

// outcomes are the arguments of expect that are about something other than the
// events that wait for sinks.
func outcomes() []string {
	return []string{ExpectFiltered, ExpectDuplicate, ExpectIgnored, ExpectDeadLetter, ExpectRefused}
}

// expect reads one assertion.
func (l *loader) expect(outer *body, block *hclsyntax.Block, t *Test) Expect {
	b := l.body(block, outer.context+", expect")
	x := Expect{Kind: ExpectEvent, Count: -1, Range: block.DefRange()}
	if len(block.Labels) > 0 {
		b.report(diag.WrongLabels, block.LabelRanges[0], "expect has no label", "Write expect { ... }.")
	}
	said := false
	for _, kind := range outcomes() {
		a := b.written(kind)
		if a == nil {
			continue
		}
		if x.Kind != ExpectEvent {
			b.report(diag.InvalidValue, a.NameRange, quote(x.Kind)+" and "+quote(kind)+" in one expect", "Write an expect { ... } for each.")
		}
		x.Kind, said = kind, true
		if kind == ExpectDeadLetter || kind == ExpectRefused {
			x.Word = l.expectWord(b, kind)
		} else {
			x.Count = b.number(kind)
		}
	}
	events := l.expectEvents(b, t, &x)
	if x.Kind != ExpectEvent && len(events) > 0 {
		b.report(diag.InvalidValue, b.syn.Attributes[events[0]].NameRange, quote(events[0])+" beside "+quote(x.Kind),
			"It describes events that wait for sinks. Write an expect { ... } of its own for them.")
	}
	if counted := b.written("count"); counted != nil {
		if x.Kind == ExpectFiltered || x.Kind == ExpectDuplicate || x.Kind == ExpectIgnored {
			b.report(diag.InvalidValue, counted.NameRange, `"count" beside `+quote(x.Kind), fmt.Sprintf("The number is %s's own: %s = 2.", x.Kind, x.Kind))
		}
		x.Count, said = b.number("count"), true
	}
	b.done()
	if !said && len(events) == 0 {
		b.report(diag.NoAssertion, b.header, "expect says nothing", "Write what must come of the requests: sink, event, when or count; or "+list(outcomes())+".")
	}
	return x
}

// expectWord is a code or a reason; empty for any of them.
func (l *loader) expectWord(b *body, kind string) string {
	word, rng := b.text(kind, "")
	if word == "" && !rng.Empty() {
		b.report(diag.InvalidValue, rng, quote(kind)+" is empty", `Write the code or reason that explain shows, or "any".`)
	}
	if word == "any" {
		return ""
	}
	return word
}

// expectEvents reads what describes events, and returns the names of the
// arguments that are written.
func (l *loader) expectEvents(b *body, t *Test, x *Expect) (written []string) {
	if a := b.take("sink"); a != nil {
		written = append(written, "sink")
		x.Sink = pick(b, a.Expr, "sink", l.cfg.Sinks, func(s *Sink) string { return s.Address })
		if x.Sink != nil && t.Pipeline != nil && !t.Pipeline.writes(x.Sink) {
			b.report(diag.InvalidValue, a.Expr.Range(), fmt.Sprintf("pipeline %q never writes to sink %q", t.Pipeline.Name, x.Sink.Address),
				"Name one of its sinks, those of its routes included.")
		}
	}
	if a := b.take("event"); a != nil {
		written = append(written, "event")
		x.Fields = l.expectFields(b, a)
	}
	if b.written("when") != nil {
		written = append(written, "when")
		x.When = l.condition(b)
	}
	return written
}

// writes reports whether events of p can reach s.
func (p *Pipeline) writes(s *Sink) bool {
	return slices.Contains(p.To, s) || slices.ContainsFunc(p.Stages, func(st Stage) bool {
		return st.Route != nil && slices.Contains(st.Route.To, s)
	})
}

// written returns an argument that something else will take.
func (b *body) written(name string) *hclsyntax.Attribute {
	a := b.syn.Attributes[name]
	if a == nil {
		b.take(name)
	}
	return a
}

// number is how often something must happen: 0 or more.
func (b *body) number(name string) int { return int(min(b.count(name, 0, 0), math.MaxInt32)) }

const fieldsUsage = `Write event = { delivery_status = "failed", attributes = { region = "eu" } }.`

// expectFields reads the fields that an event must have.
func (l *loader) expectFields(b *body, a *hclsyntax.Attribute) []ExpectField {
	pairs, diags := hcl.ExprMap(a.Expr)
	if diags.HasErrors() || len(pairs) == 0 {
		b.report(diag.WrongType, a.Expr.Range(), `"event" must name fields`, fieldsUsage)
		return nil
	}
	var out []ExpectField
	for _, pair := range pairs {
		name, ok := writtenKey(b, pair.Key)
		switch {
		case !ok:
		case name == "attributes":
			inner, diags := hcl.ExprMap(pair.Value)
			if diags.HasErrors() {
				b.report(diag.WrongType, pair.Value.Range(), `"attributes" must name attributes`, fieldsUsage)
				continue
			}
			for _, in := range inner {
				if attribute, ok := writtenKey(b, in.Key); ok {
					out = l.expectField(b, out, "attributes."+attribute, "event.attributes["+literal(attribute)+"]", in)
				}
			}
		case !slices.Contains(expr.Fields(), name):
			l.suggest(diag.Error, diag.UnknownField, pair.Key.Range(), b.context, "unknown field "+quote(name),
				"Canonical events have no such field; extras are under attributes.", diag.Suggest(name, append(expr.Fields(), "attributes")))
		default:
			out = l.expectField(b, out, name, "event."+name, pair)
		}
	}
	return out
}

// literal writes a text as HCL does.
func literal(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strconv.Quote(s))
}

func writtenKey(b *body, key hcl.Expression) (string, bool) {
	syn, _ := key.(hclsyntax.Expression)
	name, ok := literalKey(syn)
	if !ok {
		b.report(diag.UnsupportedSyntax, key.Range(), "a name must be written out", "Names of fields can't be computed.")
	}
	return name, ok
}

func (l *loader) expectField(b *body, out []ExpectField, name, ref string, pair hcl.KeyValuePair) []ExpectField {
	syn, _ := pair.Value.(hclsyntax.Expression)
	v, ok := l.eval(syn, b.context)
	if !ok {
		return out
	}
	f := ExpectField{Name: name, Range: pair.Key.Range()}
	switch {
	case v.ContainsMarked():
		b.report(diag.SecretMisused, syn.Range(), "a secret where it would be visible", "An event holds no secrets.")
		return out
	case slices.ContainsFunc(out, func(o ExpectField) bool { return o.Name == name }):
		b.report(diag.DuplicateName, f.Range, quote(name)+" is expected twice", "Write it once.")
		return out
	}
	if f.Want, f.Null, ok = plainText(v); !ok {
		b.report(diag.WrongType, syn.Range(), quote(name)+" must be a single value", "Text, a number, true, false, or null for not set.")
		return out
	}
	if !l.fieldValue(b, &f, syn.Range()) {
		return out
	}
	read, _ := hclsyntax.ParseExpression([]byte(ref), f.Range.Filename, f.Range.Start)
	if f.Get, _ = expr.CompileString(read, expr.Scope{}); f.Get == nil {
		b.report(diag.InvalidValue, f.Range, quote(name)+" is not a usable name", "Expect it with when = event.attributes[...] instead.")
		return out
	}
	return append(out, f)
}

// fieldValue checks what a field is expected to hold, and writes times as events
// show them.
func (l *loader) fieldValue(b *body, f *ExpectField, rng hcl.Range) bool {
	if f.Null {
		return true
	}
	var words []string
	switch f.Name {
	case "event_type":
		words = sdk.EventTypes()
	case "delivery_status":
		words = sdk.DeliveryStatuses()
	case "channel":
		words = sdk.Channels()
	case "direction":
		words = sdk.Directions()
	case "event_timestamp", "received_at":
		t, err := time.Parse(time.RFC3339Nano, f.Want)
		if err != nil {
			b.report(diag.InvalidValue, rng, quote(f.Want)+" is not a time", `Write it as "2026-01-31T12:00:00Z" (RFC 3339).`)
			return false
		}
		f.Want = t.UTC().Format(time.RFC3339Nano)
		return true
	}
	switch {
	case words != nil && !slices.Contains(words, f.Want):
		l.suggest(diag.Error, diag.UnknownWord, rng, b.context, fmt.Sprintf("unknown %s %s", f.Name, quote(f.Want)),
			"It is one of "+list(words)+".", diag.Suggest(f.Want, words))
		return false
	case f.Want == "":
		b.report(diag.AlwaysFalse, rng, quote(f.Name)+" can't be empty text", "An empty field is not set: write null.")
		return false
	}
	return true
}

// plainText writes a single value as events show it.
func plainText(v cty.Value) (text string, null, ok bool) {
	if v.IsNull() {
		return "", true, true
	}
	if !v.Type().IsPrimitiveType() {
		return "", false, false
	}
	s, err := convert.Convert(v, cty.String)
	if err != nil {
		return "", false, false
	}
	return s.AsString(), false, true
}
