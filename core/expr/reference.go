package expr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/sdk"
)

// reference compiles event.…, found.… and the static roots.
func (c *compiler) reference(t hcl.Traversal, rng hcl.Range) node {
	root := t.RootName()
	switch {
	case root == "event":
		return c.event(t, rng)
	case root == "found" && c.scope.Found:
		return c.found(t, rng)
	case root == "found":
		return c.bad(t[0].SourceRange(), diag.UnknownReference, "found is only known within enrich",
			"It holds the row that the stage's lookup found.")
	}
	if v, ok := c.scope.Static[root]; ok {
		return c.static(v, t, rng)
	}
	roots := append([]string{"event"}, slices.Sorted(maps.Keys(c.scope.Static))...)
	if c.scope.Found {
		roots = append(roots, "found")
	}
	return c.suggest(t[0].SourceRange(), diag.UnknownReference, fmt.Sprintf("unknown name %q", root),
		"Event expressions refer to fields as event.NAME; text is written in quotes.", diag.Suggest(root, roots))
}

// static evaluates a reference to a value that doesn't depend on the event.
func (c *compiler) static(root cty.Value, t hcl.Traversal, rng hcl.Range) node {
	ty := root.Type()
	if len(t) < 2 || !ty.IsObjectType() {
		return c.bad(rng, diag.UnknownReference, fmt.Sprintf("%s needs a name", t.RootName()), "Write "+t.RootName()+".NAME.")
	}
	name, ok := stepName(t[1])
	if !ok || !ty.HasAttribute(name) {
		names := slices.Sorted(maps.Keys(ty.AttributeTypes()))
		return c.suggest(t[1].SourceRange(), diag.UnknownReference, fmt.Sprintf("unknown name %q", t.RootName()+"."+name),
			"It isn't configured.", diag.Suggest(name, names))
	}
	v, diags := t[1:].TraverseRel(root)
	if diags.HasErrors() {
		return c.bad(rng, diag.InvalidExpression, "the reference leads nowhere", diags[0].Detail)
	}
	return c.constant(v, rng)
}

// stepName returns the name of a step .name or ["name"].
func stepName(s hcl.Traverser) (string, bool) {
	switch s := s.(type) {
	case hcl.TraverseAttr:
		return s.Name, true
	case hcl.TraverseIndex:
		if s.Key.Type() == cty.String && s.Key.IsKnown() && !s.Key.IsNull() {
			return s.Key.AsString(), true
		}
	}
	return "", false
}

func (c *compiler) event(t hcl.Traversal, rng hcl.Range) node {
	if len(t) < 2 {
		return c.bad(rng, diag.UnknownField, "event needs a field", "Write event.NAME, for instance event.event_type.")
	}
	name, ok := stepName(t[1])
	switch {
	case !ok:
		return c.bad(t[1].SourceRange(), diag.UnknownField, "event needs a field", "Write event.NAME, for instance event.event_type.")
	case name == "payload":
		c.use("payload", rng)
		return c.payload(t[2:], rng)
	case name == "attributes" || name == "metadata":
		return c.attribute(name, t[2:], rng)
	}
	n, ok := field(name, rng)
	if !ok {
		return c.suggest(nameRange(t[1]), diag.UnknownField, fmt.Sprintf("unknown field %q", name),
			fmt.Sprintf("Canonical events have no field %q.", name),
			diag.Suggest(name, append(Fields(), "attributes", "metadata", "payload")))
	}
	c.use(name, rng)
	if len(t) > 2 {
		return c.bad(nameRange(t[2]), diag.UnknownField, fmt.Sprintf("event.%s has no parts", name),
			"It is a single value. Provider extras are under event.attributes, the provider's own data under event.payload.")
	}
	return n
}

// nameRange is the range of a step without the dot before it.
func nameRange(s hcl.Traverser) hcl.Range {
	r := s.SourceRange()
	if _, ok := s.(hcl.TraverseAttr); ok && r.End.Byte-r.Start.Byte > 1 {
		r.Start.Byte++
		r.Start.Column++
	}
	return r
}

// field compiles a canonical field.
func field(name string, rng hcl.Range) (node, bool) {
	n := node{kind: kindString, rng: rng, canonical: true, emptyNull: true}
	if get := textField(name); get != nil {
		n.str = func(e *Env) (string, bool) { s := get(e.Event); return s, s != "" }
		return n, true
	}
	if en := enumField(name); en != nil {
		n.enum = en
		n.str = func(e *Env) (string, bool) { s := en.text(e.Event); return s, s != "" }
		return n, true
	}
	if get := timeField(name); get != nil {
		n.kind = kindTime
		n.tim = func(e *Env) (time.Time, bool) { t := get(e.Event); return t, !t.IsZero() }
		return n, true
	}
	if name == "event_id" {
		n.eventID = true
		n.str = func(e *Env) (string, bool) {
			if e.Event.ID.IsZero() {
				return "", false
			}
			return e.Event.ID.String(), true
		}
		return n, true
	}
	return node{}, false
}

func timeField(name string) func(*sdk.Event) time.Time {
	switch name {
	case "event_timestamp":
		return func(e *sdk.Event) time.Time { return e.Time }
	case "received_at":
		return func(e *sdk.Event) time.Time { return e.ReceivedAt }
	}
	return nil
}

func (c *compiler) attribute(root string, steps hcl.Traversal, rng hcl.Range) node {
	if len(steps) == 0 {
		return c.bad(rng, diag.UnknownField, fmt.Sprintf("event.%s needs a name", root), "Write event."+root+".NAME.")
	}
	name, ok := stepName(steps[0])
	if !ok || len(steps) > 1 {
		return c.bad(steps[len(steps)-1].SourceRange(), diag.UnknownField, "attributes have one name and no parts",
			`Write event.attributes.NAME, or event.attributes["a.name"] if the name has other characters than letters, digits, _ and -.`)
	}
	c.use(AttributePrefix+name, rng)
	return node{kind: kindString, rng: rng, str: func(e *Env) (string, bool) { return e.Event.Attributes.Get(name) }}
}

func (c *compiler) found(t hcl.Traversal, rng hcl.Range) node {
	if len(t) != 2 {
		return c.bad(rng, diag.UnknownReference, "found needs a column", "Write found.COLUMN.")
	}
	name, ok := stepName(t[1])
	if !ok {
		return c.bad(rng, diag.UnknownReference, "found needs a column", "Write found.COLUMN.")
	}
	if c.scope.Columns != nil && !slices.Contains(c.scope.Columns, name) {
		return c.suggest(nameRange(t[1]), diag.UnknownReference, fmt.Sprintf("unknown column %q", name),
			fmt.Sprintf("The lookup has no column %q.", name), diag.Suggest(name, c.scope.Columns))
	}
	return node{kind: kindString, rng: rng, emptyNull: true, str: func(e *Env) (string, bool) { return e.Found.get(name) }}
}

// step is one step into a payload: a key, or an index where key is unused.
type step struct {
	key     string
	index   int
	isIndex bool
}

func (c *compiler) payload(t hcl.Traversal, rng hcl.Range) node {
	var steps []step
	for _, s := range t {
		if name, ok := stepName(s); ok {
			steps = append(steps, step{key: name})
			continue
		}
		ix, ok := s.(hcl.TraverseIndex)
		if !ok || ix.Key.Type() != cty.Number {
			return c.bad(s.SourceRange(), diag.UnsupportedSyntax, "unsupported step into the payload",
				`Write event.payload.NAME, event.payload["a name"] or event.payload.LIST[0].`)
		}
		i, acc := ix.Key.AsBigFloat().Int64()
		if acc != 0 || i < 0 || i > 1<<20 {
			return c.bad(s.SourceRange(), diag.OutOfRange, "index out of range", "Indexes are whole numbers from 0.")
		}
		steps = append(steps, step{index: int(i), isIndex: true})
	}
	return node{kind: kindAny, rng: rng, dyn: func(e *Env) value { return descend(e.parsed(), steps) }}
}

func descend(v any, steps []step) value {
	for _, s := range steps {
		switch at := v.(type) {
		case map[string]any:
			if s.isIndex {
				return value{}
			}
			v = at[s.key]
		case []any:
			if !s.isIndex || s.index >= len(at) {
				return value{}
			}
			v = at[s.index]
		default:
			return value{}
		}
	}
	return jsonValue(v)
}

// parsed is the event's payload, parsed at most once.
func (env *Env) parsed() any {
	if !env.payloadParsed {
		env.payload, env.payloadParsed = parsePayload(env.Event.SourcePayload), true
	}
	return env.payload
}

// parsePayload reads JSON, or else a form, of which the first value of each
// name counts. Anything else is null.
func parsePayload(data []byte) any {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err == nil {
		if _, err := dec.Token(); err == io.EOF {
			return v
		}
	}
	if !bytes.ContainsRune(data, '=') {
		return nil
	}
	form, err := url.ParseQuery(string(bytes.TrimSpace(data)))
	if err != nil {
		return nil
	}
	out := make(map[string]any, len(form))
	for name, values := range form {
		out[name] = values[0]
	}
	return out
}
