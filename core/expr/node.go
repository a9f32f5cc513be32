package expr

import (
	"strconv"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// node is a compiled part of an expression. The closure that fits its kind is
// set; the conversions below make the others. Closures return false for null.
type node struct {
	kind kind
	rng  hcl.Range

	str  func(*Env) (string, bool)
	num  func(*Env) (float64, bool)
	cond func(*Env) bool         // of a bool that is never null
	boo  func(*Env) (bool, bool) // of a bool that may be null
	tim  func(*Env) (time.Time, bool)
	dyn  func(*Env) value
	list []node // the elements of a tuple

	constant bool
	lit      value // of a constant

	enum      *enumeration // the field that this is, if it holds one of fixed words
	eventID   bool         // the field that this is, if it's the event's id
	canonical bool         // a field of the event itself
	emptyNull bool         // never the empty string: that would have been null

	// bad is a node about which a diagnostic has been given; whatever uses it
	// says nothing more.
	bad bool
}

func literal(v value, rng hcl.Range) node {
	n := node{kind: v.kind, rng: rng, constant: true, lit: v}
	switch v.kind {
	case kindNull:
		n.dyn = func(*Env) value { return value{} }
	case kindString:
		n.str = func(*Env) (string, bool) { return v.s, true }
	case kindNumber:
		n.num = func(*Env) (float64, bool) { return v.n, true }
	case kindBool:
		n.cond = func(*Env) bool { return v.b }
	case kindTime:
		n.tim = func(*Env) (time.Time, bool) { return v.t, true }
	}
	return n
}

// fold evaluates n now if all it is made of is constant.
func fold(n node, parts ...node) node {
	if n.bad || n.kind == kindList {
		return n
	}
	for i := range parts {
		if !parts[i].constant {
			return n
		}
	}
	return literal(n.value()(nil), n.rng)
}

// value is the node as a value of whatever kind.
func (n node) value() func(*Env) value {
	switch {
	case n.constant:
		v := n.lit
		return func(*Env) value { return v }
	case n.dyn != nil:
		return n.dyn
	case n.str != nil:
		f := n.str
		return func(e *Env) value { return stringValue(f(e)) }
	case n.num != nil:
		f := n.num
		return func(e *Env) value { return numberValue(f(e)) }
	case n.cond != nil:
		f := n.cond
		return func(e *Env) value { return value{kind: kindBool, b: f(e)} }
	case n.boo != nil:
		f := n.boo
		return func(e *Env) value { return boolValue(f(e)) }
	case n.tim != nil:
		f := n.tim
		return func(e *Env) value { return timeValue(f(e)) }
	}
	return func(*Env) value { return value{} }
}

// present reports whether the node is not null.
func (n node) present() func(*Env) bool {
	switch {
	case n.cond != nil || n.kind == kindList:
		return func(*Env) bool { return true }
	case n.enum != nil:
		get := n.enum.get
		return func(e *Env) bool { return get(e.Event) != 0 }
	case n.str != nil:
		f := n.str
		return func(e *Env) bool { _, ok := f(e); return ok }
	}
	f := n.value()
	return func(e *Env) bool { return f(e).kind != kindNull }
}

// text is the node as a string.
func (n node) text() func(*Env) (string, bool) {
	switch {
	case n.str != nil:
		return n.str
	case n.cond != nil:
		f := n.cond
		return func(e *Env) (string, bool) { return strconv.FormatBool(f(e)), true }
	}
	f := n.value()
	return func(e *Env) (string, bool) { return f(e).text() }
}

// number is the node as a number.
func (n node) number() func(*Env) (float64, bool) {
	switch {
	case n.num != nil:
		return n.num
	case n.str != nil:
		f := n.str
		return func(e *Env) (float64, bool) {
			s, ok := f(e)
			if !ok {
				return 0, false
			}
			return parseNumber(s)
		}
	}
	f := n.value()
	return func(e *Env) (float64, bool) { return f(e).number() }
}

// condition is the node as a condition: null doesn't hold.
func (n node) condition() func(*Env) bool {
	switch {
	case n.cond != nil:
		return n.cond
	case n.boo != nil:
		f := n.boo
		return func(e *Env) bool { b, ok := f(e); return ok && b }
	case n.str != nil:
		f := n.str
		return func(e *Env) bool { s, ok := f(e); return ok && s == "true" }
	}
	f := n.value()
	return func(e *Env) bool { b, ok := f(e).boolean(); return ok && b }
}

// instant is the node as a time.
func (n node) instant() func(*Env) (time.Time, bool) {
	if n.tim != nil {
		return n.tim
	}
	f := n.value()
	return func(e *Env) (time.Time, bool) { return f(e).instant() }
}

// truth makes a bool that is never null.
func truth(rng hcl.Range, f func(*Env) bool) node {
	return node{kind: kindBool, rng: rng, cond: f}
}
