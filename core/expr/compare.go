package expr

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/sdk"
)

// equality compiles == and, with negate, !=. Both are false if a side is null,
// unless the other is the literal null.
func (c *compiler) equality(rng hcl.Range, l, r node, negate bool) node {
	if l.constant {
		l, r = r, l // a constant stands on the right from here on
	}
	switch {
	case r.constant && r.kind == kindNull:
		f := l.present()
		return fold(truth(rng, func(e *Env) bool { return f(e) == negate }), l)
	case l.kind == kindList || r.kind == kindList:
		return c.bad(rng, diag.WrongType, "comparison with a list", "Use contains([...], x) to ask for one of several values.")
	case l.kind == kindTime || r.kind == kindTime:
		l, r = c.wantTime(l), c.wantTime(r)
		if l.bad || r.bad {
			return node{rng: rng, bad: true}
		}
	case l.kind == kindNumber && r.kind == kindBool || l.kind == kindBool && r.kind == kindNumber:
		return c.mismatch(rng, l, r)
	}
	if r.constant && r.kind == kindString && l.kind == kindString {
		return c.textEquality(rng, l, r, negate)
	}
	if l.kind == kindNumber && r.kind == kindNumber {
		f, g := l.number(), r.number()
		return fold(truth(rng, func(e *Env) bool {
			a, aok := f(e)
			b, bok := g(e)
			return aok && bok && (a == b) != negate
		}), l, r)
	}
	if l.enum != nil && r.enum != nil && l.enum.field != r.enum.field {
		// Two enumerations share words (sent, failed), so this means something.
		l.enum, r.enum = nil, nil
	}
	f, g := l.value(), r.value()
	return fold(truth(rng, func(e *Env) bool {
		a, b := f(e), g(e)
		return a.kind != kindNull && b.kind != kindNull && a.equal(b) != negate
	}), l, r)
}

// textEquality compares text with a constant.
func (c *compiler) textEquality(rng hcl.Range, l, r node, negate bool) node {
	want := r.lit.s
	if !l.constant {
		if n, ok := c.checkWord(l, r); !ok {
			return n
		}
	}
	if l.enum != nil {
		num, _ := l.enum.number(want)
		get := l.enum.get
		return truth(rng, func(e *Env) bool {
			n := get(e.Event)
			return n != 0 && (n == num) != negate
		})
	}
	if l.eventID {
		id, _ := sdk.ParseID(want)
		return truth(rng, func(e *Env) bool { return !e.Event.ID.IsZero() && (e.Event.ID == id) != negate })
	}
	f := l.text()
	return fold(truth(rng, func(e *Env) bool {
		s, ok := f(e)
		return ok && (s == want) != negate
	}), l)
}

// checkWord reports a constant that the field l can never hold.
func (c *compiler) checkWord(l, r node) (node, bool) {
	word := r.lit.s
	if l.emptyNull && word == "" {
		return c.suggest(r.rng, diag.AlwaysFalse, "an empty field is null, never \"\"",
			"Write == null or != null to ask whether it is missing.", "null"), false
	}
	if l.enum != nil {
		if _, ok := l.enum.number(word); !ok {
			return c.suggest(r.rng, diag.UnknownWord, fmt.Sprintf("unknown %s %q", l.enum.field, word),
				"It is one of "+strings.Join(l.enum.words, ", ")+".", diag.Suggest(word, l.enum.words)), false
		}
	}
	if l.eventID {
		if _, err := sdk.ParseID(word); err != nil || strings.ToLower(word) != word {
			return c.bad(r.rng, diag.AlwaysFalse, fmt.Sprintf("%q is not an event id", word),
				"Event ids are 32 lower-case hexadecimal digits."), false
		}
	}
	return node{}, true
}

// member compiles contains(list, x).
func (c *compiler) member(rng hcl.Range, list, x node) node {
	if x.kind == kindList {
		return c.bad(x.rng, diag.WrongType, "a list where a single value is expected", "")
	}
	bad := false
	allText := x.kind == kindString
	for _, item := range list.list {
		allText = allText && item.constant && item.kind == kindString
		if item.constant && item.kind == kindString && x.kind == kindString && !x.constant {
			_, ok := c.checkWord(x, item)
			bad = bad || !ok
		}
		if clash(x.kind, item.kind) {
			c.mismatch(item.rng, x, item)
			bad = true
		}
	}
	if bad {
		return node{rng: rng, bad: true}
	}
	if allText {
		return fold(truth(rng, c.textMember(list, x)), x)
	}
	f := x.value()
	items := make([]func(*Env) value, len(list.list))
	for i, item := range list.list {
		items[i] = item.value()
	}
	return fold(truth(rng, func(e *Env) bool {
		v := f(e)
		if v.kind == kindNull {
			return false
		}
		for _, item := range items {
			if w := item(e); w.kind != kindNull && v.equal(w) {
				return true
			}
		}
		return false
	}), append([]node{x}, list.list...)...)
}

// clash reports kinds that are never equal.
func clash(a, b kind) bool {
	if a == kindAny || b == kindAny || a == kindNull || b == kindNull || a == kindString || b == kindString {
		return false
	}
	return a != b
}

// linearSet is up to how many words comparing them in turn beats hashing.
const linearSet = 8

// textMember asks whether text is one of a constant set, prepared here.
func (c *compiler) textMember(list, x node) func(*Env) bool {
	if x.enum != nil {
		var mask uint64 // all enumerations have fewer than 64 words
		for _, item := range list.list {
			n, _ := x.enum.number(item.lit.s)
			mask |= 1 << n
		}
		get := x.enum.get
		return func(e *Env) bool {
			n := get(e.Event)
			return n != 0 && mask&(1<<n) != 0
		}
	}
	f := x.text()
	if len(list.list) <= linearSet {
		words := make([]string, len(list.list))
		for i, item := range list.list {
			words[i] = item.lit.s
		}
		return func(e *Env) bool {
			s, ok := f(e)
			if !ok {
				return false
			}
			for _, w := range words {
				if s == w {
					return true
				}
			}
			return false
		}
	}
	set := make(map[string]struct{}, len(list.list))
	for _, item := range list.list {
		set[item.lit.s] = struct{}{}
	}
	return func(e *Env) bool {
		s, ok := f(e)
		if !ok {
			return false
		}
		_, in := set[s]
		return in
	}
}
