package expr

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/patchbay-io/patchbay/core/diag"
)

// Any is a compiled expression of whatever type, for people who try one out.
type Any struct {
	eval func(*Env) value
	list []func(*Env) value // of a list that the expression writes out
	kind kind
	uses []Use
}

// Result is what an expression gave.
type Result struct {
	// Type is null, string, number, bool, time, list or object.
	Type string
	// Text is the value as text, and of lists and objects as JSON; empty if null.
	Text string
}

// CompileAny compiles an expression of any type. The result is nil if the list
// has errors, or if a static value that it uses isn't known.
func CompileAny(e hcl.Expression, s Scope) (*Any, diag.List) {
	c := compiler{scope: s}
	n := c.compile(e)
	if n.bad || c.diags.HasErrors() {
		return nil, c.diags
	}
	a := &Any{eval: n.value(), kind: n.kind, uses: c.uses}
	for _, item := range n.list {
		a.list = append(a.list, item.value())
	}
	return a, c.diags
}

// Uses lists what the expression reads of the event, in the order written.
func (a *Any) Uses() []Use { return a.uses }

// Eval returns the expression's value.
func (a *Any) Eval(env *Env) Result {
	v := a.eval(env)
	if a.kind == kindList && v.raw == nil {
		items := make([]any, len(a.list))
		for i, item := range a.list {
			items[i] = plain(item(env))
		}
		v = value{kind: kindList, raw: items}
	}
	return result(v)
}

func result(v value) Result {
	switch v.kind {
	case kindString, kindNumber, kindBool, kindTime:
		text, _ := v.text()
		return Result{word(v.kind), text}
	case kindList:
		typ := "list"
		if _, ok := v.raw.(map[string]any); ok {
			typ = "object"
		}
		return Result{typ, document(v.raw)}
	}
	return Result{Type: "null"}
}

// word is a kind's name without its article.
func word(k kind) string {
	_, name, ok := strings.Cut(k.String(), " ")
	if !ok {
		return k.String()
	}
	return name
}

// document writes what JSON was decoded into as JSON again.
func document(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "" // it was decoded from JSON
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// plain is a value as encoding/json writes it.
func plain(v value) any {
	switch v.kind {
	case kindBool:
		return v.b
	case kindNumber:
		text, _ := v.text()
		return json.Number(text)
	case kindString, kindTime:
		text, _ := v.text()
		return text
	}
	return v.raw
}

// Function describes a function of event expressions.
type Function struct {
	Name  string
	Usage string // how it's written, and what it gives where that isn't plain
}

// Functions lists the functions of event expressions by name.
func Functions() []Function {
	all := functions()
	var out []Function
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, Function{name, all[name].usage})
	}
	return out
}
