package expr

import (
	"fmt"
	"math"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchbay-io/patchbay/core/diag"
)

func isInf(f float64) bool { return math.IsInf(f, 0) }

func (c *compiler) unary(e *hclsyntax.UnaryOpExpr) node {
	x := c.compile(e.Val)
	if e.Op == hclsyntax.OpLogicalNot {
		x = c.wantBool(x)
		if x.bad {
			return x
		}
		f := x.condition()
		return fold(truth(e.SrcRange, func(env *Env) bool { return !f(env) }), x)
	}
	x = c.wantNumber(x)
	if x.bad {
		return x
	}
	f := x.number()
	return fold(node{kind: kindNumber, rng: e.SrcRange, num: func(env *Env) (float64, bool) {
		n, ok := f(env)
		return -n, ok
	}}, x)
}

func (c *compiler) binary(e *hclsyntax.BinaryOpExpr) node {
	switch e.Op {
	case hclsyntax.OpLogicalAnd, hclsyntax.OpLogicalOr:
		return c.logical(e)
	}
	l, r := c.compile(e.LHS), c.compile(e.RHS)
	if l.bad || r.bad {
		return node{rng: e.SrcRange, bad: true}
	}
	switch e.Op {
	case hclsyntax.OpEqual:
		return c.equality(e.SrcRange, l, r, false)
	case hclsyntax.OpNotEqual:
		return c.equality(e.SrcRange, l, r, true)
	case hclsyntax.OpLessThan:
		return c.order(e.SrcRange, l, r, func(cmp int) bool { return cmp < 0 })
	case hclsyntax.OpLessThanOrEqual:
		return c.order(e.SrcRange, l, r, func(cmp int) bool { return cmp <= 0 })
	case hclsyntax.OpGreaterThan:
		return c.order(e.SrcRange, l, r, func(cmp int) bool { return cmp > 0 })
	case hclsyntax.OpGreaterThanOrEqual:
		return c.order(e.SrcRange, l, r, func(cmp int) bool { return cmp >= 0 })
	}
	return c.arithmetic(e, l, r)
}

// logical compiles a chain of one operator as a whole, so that its length
// doesn't count as depth.
func (c *compiler) logical(e *hclsyntax.BinaryOpExpr) node {
	var operands []hcl.Expression
	for x := hclsyntax.Expression(e); ; {
		b, ok := x.(*hclsyntax.BinaryOpExpr)
		if !ok || b.Op != e.Op {
			operands = append(operands, x)
			break
		}
		operands = append(operands, b.RHS)
		x = b.LHS
	}
	isOr := e.Op == hclsyntax.OpLogicalOr
	var fs []func(*Env) bool
	bad, decided := false, false
	for i := len(operands) - 1; i >= 0; i-- {
		n := c.wantBool(c.compile(operands[i]))
		bad = bad || n.bad
		if n.bad || decided {
			continue
		}
		f := n.condition()
		if n.constant {
			// A constant that doesn't decide the chain is left out, one that
			// does ends it.
			decided = f(nil) == isOr
			continue
		}
		fs = append(fs, f)
	}
	switch {
	case bad:
		return node{rng: e.SrcRange, bad: true}
	case decided:
		// What stands beside the deciding constant has no effects to keep.
		return literal(value{kind: kindBool, b: isOr}, e.SrcRange)
	case len(fs) == 0:
		return literal(value{kind: kindBool, b: !isOr}, e.SrcRange)
	}
	return truth(e.SrcRange, chain(fs, isOr))
}

func chain(fs []func(*Env) bool, isOr bool) func(*Env) bool {
	switch {
	case len(fs) == 1:
		return fs[0]
	case len(fs) == 2 && isOr:
		a, b := fs[0], fs[1]
		return func(e *Env) bool { return a(e) || b(e) }
	case len(fs) == 2:
		a, b := fs[0], fs[1]
		return func(e *Env) bool { return a(e) && b(e) }
	}
	return func(e *Env) bool {
		for _, f := range fs {
			if f(e) == isOr {
				return isOr
			}
		}
		return !isOr
	}
}

func (c *compiler) order(rng hcl.Range, l, r node, holds func(int) bool) node {
	if l.kind == kindTime || r.kind == kindTime {
		l, r = c.wantTime(l), c.wantTime(r)
		if l.bad || r.bad {
			return node{rng: rng, bad: true}
		}
		f, g := l.instant(), r.instant()
		return fold(truth(rng, func(e *Env) bool {
			a, aok := f(e)
			b, bok := g(e)
			return aok && bok && holds(a.Compare(b))
		}), l, r)
	}
	l, r = c.wantNumber(l), c.wantNumber(r)
	if l.bad || r.bad {
		return node{rng: rng, bad: true}
	}
	f, g := l.number(), r.number()
	return fold(truth(rng, func(e *Env) bool {
		a, aok := f(e)
		b, bok := g(e)
		return aok && bok && holds(compareNumbers(a, b))
	}), l, r)
}

// compareNumbers compares two numbers; there is no NaN here.
func compareNumbers(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (c *compiler) arithmetic(e *hclsyntax.BinaryOpExpr, l, r node) node {
	op := arithmeticOp(e.Op)
	if op == nil {
		return c.bad(e.SrcRange, diag.UnsupportedSyntax, "unsupported operator in an event expression", "")
	}
	if l.kind == kindTime || r.kind == kindTime {
		return c.bad(e.SrcRange, diag.WrongType, "arithmetic with a time", `Use timeadd(t, "-1h"), or unix(t) for seconds.`)
	}
	l, r = c.wantNumber(l), c.wantNumber(r)
	if l.bad || r.bad {
		return node{rng: e.SrcRange, bad: true}
	}
	if r.constant && r.kind == kindNumber && r.lit.n == 0 && (e.Op == hclsyntax.OpDivide || e.Op == hclsyntax.OpModulo) {
		return c.bad(r.rng, diag.InvalidExpression, "division by zero", "")
	}
	f, g := l.number(), r.number()
	return fold(node{kind: kindNumber, rng: e.SrcRange, num: func(env *Env) (float64, bool) {
		a, aok := f(env)
		b, bok := g(env)
		if !aok || !bok {
			return 0, false
		}
		n := op(a, b)
		return n, !isInf(n) && !math.IsNaN(n)
	}}, l, r)
}

// arithmeticOp returns the operation; what has no finite result is null.
func arithmeticOp(op *hclsyntax.Operation) func(a, b float64) float64 {
	switch op {
	case hclsyntax.OpAdd:
		return func(a, b float64) float64 { return a + b }
	case hclsyntax.OpSubtract:
		return func(a, b float64) float64 { return a - b }
	case hclsyntax.OpMultiply:
		return func(a, b float64) float64 { return a * b }
	case hclsyntax.OpDivide:
		return func(a, b float64) float64 { return a / b }
	case hclsyntax.OpModulo:
		return math.Mod
	}
	return nil
}

func (c *compiler) conditional(e *hclsyntax.ConditionalExpr) node {
	cond, yes, no := c.wantBool(c.compile(e.Condition)), c.compile(e.TrueResult), c.compile(e.FalseResult)
	if cond.bad || yes.bad || no.bad {
		return node{rng: e.SrcRange, bad: true}
	}
	if yes.kind == kindList || no.kind == kindList {
		return c.bad(e.SrcRange, diag.WrongType, "a list as the result of a condition", "Put the condition around contains() instead.")
	}
	f := cond.condition()
	if cond.constant {
		if f(nil) {
			return yes
		}
		return no
	}
	return pick(e.SrcRange, yes, no, f)
}

// pick chooses between two nodes per event, keeping their common kind.
func pick(rng hcl.Range, yes, no node, f func(*Env) bool) node {
	n := node{rng: rng, kind: yes.kind}
	if yes.kind != no.kind {
		n.kind = kindAny
	}
	switch n.kind {
	case kindString:
		y, o := yes.text(), no.text()
		n.str = func(e *Env) (string, bool) {
			if f(e) {
				return y(e)
			}
			return o(e)
		}
	case kindNumber:
		y, o := yes.number(), no.number()
		n.num = func(e *Env) (float64, bool) {
			if f(e) {
				return y(e)
			}
			return o(e)
		}
	case kindTime:
		y, o := yes.instant(), no.instant()
		n.tim = func(e *Env) (time.Time, bool) {
			if f(e) {
				return y(e)
			}
			return o(e)
		}
	default:
		y, o := yes.value(), no.value()
		pickValue := func(e *Env) value {
			if f(e) {
				return y(e)
			}
			return o(e)
		}
		if n.kind == kindBool {
			n.boo = func(e *Env) (bool, bool) { return pickValue(e).boolean() }
		} else {
			n.kind, n.dyn = kindAny, pickValue
		}
	}
	return n
}

func (c *compiler) template(e *hclsyntax.TemplateExpr) node {
	if e.IsStringLiteral() {
		v, _ := e.Value(nil) // a literal refers to nothing that could be missing
		return c.constant(v, e.SrcRange)
	}
	var parts []node
	bad := false
	for _, p := range e.Parts {
		n := c.wantText(c.compile(p))
		if !n.bad && n.kind == kindNull {
			n = c.bad(n.rng, diag.AlwaysFalse, "null in a template", "A template with a null part is null.")
		}
		bad = bad || n.bad
		parts = append(parts, n)
	}
	if bad {
		return node{rng: e.SrcRange, bad: true}
	}
	fs := make([]func(*Env) (string, bool), len(parts))
	for i := range parts {
		fs[i] = parts[i].text()
	}
	return fold(node{kind: kindString, rng: e.SrcRange, str: func(env *Env) (string, bool) {
		var short [128]byte // most results are no longer: one allocation, for the result
		b := short[:0]
		for _, f := range fs {
			s, ok := f(env)
			if !ok {
				return "", false
			}
			b = append(b, s...)
		}
		return string(b), true
	}}, parts...)
}

// mismatch reports a comparison of kinds that are never equal.
func (c *compiler) mismatch(rng hcl.Range, l, r node) node {
	return c.bad(rng, diag.WrongType, fmt.Sprintf("comparison of %s with %s", l.kind, r.kind), "They are never equal.")
}
