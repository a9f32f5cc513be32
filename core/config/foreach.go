package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/patchbay-io/patchbay/core/diag"
)

// maxInstances bounds the blocks that for_each, dynamic and modules make, in
// all of a configuration (I12).
const maxInstances = 1000

// instance is one of the blocks that a block stands for: itself, or one for
// each element of its for_each.
type instance struct {
	key  string // empty without for_each
	l    *loader
	made any // *Source, *Sink, *Lookup, *Pipeline or *module
}

// element is one key and value of a for_each.
type element struct {
	key   string
	value cty.Value
}

const eachUsage = "It takes an object or a map, or a list or set of strings."

// elements evaluates a for_each. False means that it has been reported.
func (l *loader) elements(a *hclsyntax.Attribute, context string) ([]element, bool) {
	rng := a.Expr.Range()
	v, ok := l.evalAny(a.Expr, context)
	if !ok {
		return nil, false
	}
	wrong := func(summary, detail string) ([]element, bool) {
		l.report(diag.WrongForEach, rng, context, summary, detail)
		return nil, false
	}
	if v.IsMarked() {
		return wrong("for_each depends on a secret", "Its keys become part of names, paths and metrics, for everyone to see.")
	}
	if v.IsNull() {
		return wrong("for_each is null", eachUsage)
	}
	ty := v.Type()
	keyed := ty.IsObjectType() || ty.IsMapType()
	if !keyed && !ty.IsTupleType() && !ty.IsListType() && !ty.IsSetType() {
		return wrong("for_each is "+typeName(ty), eachUsage)
	}
	var out []element
	seen := map[string]bool{}
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if !keyed {
			key = value
		}
		if key.ContainsMarked() {
			return wrong("for_each depends on a secret", "Its keys become part of names, paths and metrics, for everyone to see.")
		}
		text, err := convert.Convert(key, cty.String)
		if key.IsNull() || err != nil || !key.Type().IsPrimitiveType() {
			return wrong("an element of for_each is not a string", eachUsage)
		}
		if !keyed {
			value = text
		}
		if seen[text.AsString()] {
			return wrong("for_each has "+quote(text.AsString())+" twice", "Each key names one block. Write toset([...]) to have it once.")
		}
		seen[text.AsString()] = true
		out = append(out, element{text.AsString(), value})
	}
	return out, true
}

// count adds n blocks to those that for_each, dynamic and modules have made.
func (l *loader) count(n int, rng hcl.Range, context string) bool {
	l.made += n
	if l.made <= maxInstances {
		return true
	}
	l.report(diag.WrongForEach, rng, context, "too many blocks",
		fmt.Sprintf("for_each, dynamic and modules may make %d blocks in all.", maxInstances))
	return false
}

// expand gives a thing its instances, one for each element of its block's
// for_each, and fills them with what build makes of them. The thing's value is
// what value says of its only instance, or an object of those by key.
func (l *loader) expand(t *thing, build func(instance) any, value func(any) cty.Value) cty.Value {
	a := t.block.Body.Attributes["for_each"]
	if a == nil {
		t.instances = []instance{{l: l}}
		t.instances[0].made = build(t.instances[0])
		return value(t.instances[0].made)
	}
	t.repeated = true
	where := l.where(t.block)
	elements, ok := l.elements(a, where)
	if !ok || !l.count(len(elements), a.Expr.Range(), where) {
		return cty.DynamicVal
	}
	out := map[string]cty.Value{}
	for _, e := range elements {
		if !validName(e.key) {
			l.report(diag.WrongForEach, a.Expr.Range(), where, "unusable key "+quote(e.key),
				"The keys of for_each become part of names and paths: they start with a letter and have up to 63 letters, digits, _ and -.")
			return cty.DynamicVal
		}
		in := instance{key: e.key, l: l.with("each", cty.StringVal(e.key), e.value)}
		in.made = build(in)
		t.instances = append(t.instances, in)
		out[e.key] = value(in.made)
	}
	return cty.ObjectVal(out)
}

// open returns the body of an instance of a block.
func (in instance) open(b *hclsyntax.Block) *body {
	out := in.l.body(b, in.l.where(b))
	out.take("for_each")
	return out
}

// suffix is what an instance adds to its block's address.
func (in instance) suffix() string {
	if in.key == "" {
		return ""
	}
	return "." + in.key
}

// keyText is a key as text: keys of maps are strings, those of lists numbers.
func keyText(key cty.Value) string {
	text, err := convert.Convert(key, cty.String)
	if err != nil || text.IsMarked() || !text.IsKnown() || text.IsNull() {
		return ""
	}
	return text.AsString()
}
