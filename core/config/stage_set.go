package config

import (
	"cmp"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/expr"
)

// Set sets fields to values that come from the event itself.
type Set struct {
	Set []Assignment // in the order written
}

// setAttributes is the argument of set that holds attributes; every other one is
// a canonical field.
const setAttributes = "attributes"

func (l *loader) setStage(b *body) *Set {
	s := &Set{}
	scope := l.scope(b)
	written := slices.SortedFunc(maps.Values(b.syn.Attributes), func(x, y *hclsyntax.Attribute) int {
		return cmp.Compare(x.NameRange.Start.Byte, y.NameRange.Start.Byte)
	})
	for _, name := range append(assignable(), setAttributes) {
		b.take(name)
	}
	for _, a := range written {
		switch {
		case a.Name == setAttributes:
			for _, as := range l.assignments(b, a, scope, "Write attributes = { region = event.attributes.country }.") {
				if b.syn.Attributes[as.Field] != nil && !as.Attribute {
					b.report(diag.DuplicateName, as.Range, quote(as.Field)+" is set twice", "The second value would hide the first.")
				}
				s.Set = append(s.Set, as)
			}
		case slices.Contains(assignable(), a.Name):
			value, diags := expr.CompileString(a.Expr, scope)
			l.diags = append(l.diags, diags...)
			s.Set = append(s.Set, Assignment{Field: a.Name, Value: value, Range: a.NameRange})
		case slices.Contains(expr.Fields(), a.Name):
			b.take(a.Name) // known, and reported here
			b.report(diag.NotAssignable, a.NameRange, quote(a.Name)+" can't be set",
				"It may set "+list(assignable())+" and, within attributes = { ... }, any attribute.")
		}
	}
	if len(written) == 0 {
		b.report(diag.MissingArgument, b.header, "nothing is set", "Write what to set, for instance customer_id = lower(event.customer_id).")
	}
	return s
}
