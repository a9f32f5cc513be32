package expr

import (
	"fmt"
	"math/big"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
)

// The largest expression that is compiled. Deeper ones would cost a goroutine's
// stack, larger ones time at every event (I12).
const (
	maxNodes = 10000
	maxDepth = 200
)

// CompileBool compiles a condition. The result is nil if the list has errors,
// or if a static value that it uses isn't known.
func CompileBool(e hcl.Expression, s Scope) (*Bool, diag.List) {
	c := compiler{scope: s}
	n := c.compile(e)
	if !n.bad && n.kind == kindNull {
		n = c.bad(n.rng, diag.AlwaysFalse, "the condition is null", "Null doesn't hold, so this condition never would. Write true or false.")
	}
	n = c.wantBool(n)
	if n.bad || c.diags.HasErrors() {
		return nil, c.diags
	}
	return &Bool{eval: n.condition(), text: c.writeText(e), uses: c.uses, constant: n.constant, rng: e.Range()}, c.diags
}

// CompileString compiles a value that is used as text. The result is nil if the
// list has errors, or if a static value that it uses isn't known.
func CompileString(e hcl.Expression, s Scope) (*String, diag.List) {
	c := compiler{scope: s}
	n := c.wantText(c.compile(e))
	if n.bad || c.diags.HasErrors() {
		return nil, c.diags
	}
	return &String{eval: n.text(), text: c.writeText(e), uses: c.uses}, c.diags
}

type compiler struct {
	scope    Scope
	diags    diag.List
	nodes    int
	depth    int
	tooLarge bool
	uses     []Use
}

// bad reports an error and returns the node that stands for it.
func (c *compiler) bad(rng hcl.Range, code diag.Code, summary, detail string) node {
	return c.suggest(rng, code, summary, detail, "")
}

func (c *compiler) suggest(rng hcl.Range, code diag.Code, summary, detail, suggestion string) node {
	c.diags = append(c.diags, diag.Diagnostic{
		Code: code, Summary: summary, Detail: detail, Subject: &rng, Context: c.scope.Context, Suggestion: suggestion,
	})
	return node{kind: kindNull, rng: rng, bad: true}
}

// compile compiles one expression and everything below it.
func (c *compiler) compile(e hcl.Expression) node {
	c.nodes++
	c.depth++
	defer func() { c.depth-- }()
	if c.nodes > maxNodes || c.depth > maxDepth {
		if c.tooLarge {
			return node{rng: e.Range(), bad: true}
		}
		c.tooLarge = true
		return c.bad(e.Range(), diag.ExpressionTooLarge, "expression is too large",
			fmt.Sprintf("At most %d parts, nested at most %d deep. Sets of values belong in a lookup.", maxNodes, maxDepth))
	}
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		return c.constant(e.Val, e.SrcRange)
	case *hclsyntax.ParenthesesExpr:
		return c.compile(e.Expression)
	case *hclsyntax.TemplateWrapExpr:
		return c.compile(e.Wrapped)
	case *hclsyntax.TemplateExpr:
		return c.template(e)
	case *hclsyntax.ScopeTraversalExpr:
		return c.reference(e.Traversal, e.SrcRange)
	case *hclsyntax.UnaryOpExpr:
		return c.unary(e)
	case *hclsyntax.BinaryOpExpr:
		return c.binary(e)
	case *hclsyntax.ConditionalExpr:
		return c.conditional(e)
	case *hclsyntax.TupleConsExpr:
		return c.tuple(e)
	case *hclsyntax.FunctionCallExpr:
		return c.call(e)
	case *hclsyntax.IndexExpr:
		return c.bad(e.SrcRange, diag.UnsupportedSyntax, "an index must be a literal",
			`Write the name in quotes, for instance event.attributes["x-id"], or a number.`)
	}
	return c.bad(e.Range(), diag.UnsupportedSyntax, "unsupported "+describe(e)+" in an event expression",
		"Event expressions consist of fields, literals, operators, conditionals, templates and function calls.")
}

func describe(e hcl.Expression) string {
	switch e.(type) {
	case *hclsyntax.ForExpr:
		return "for expression"
	case *hclsyntax.SplatExpr:
		return "splat expression"
	case *hclsyntax.ObjectConsExpr:
		return "object"
	case *hclsyntax.RelativeTraversalExpr:
		return "attribute access"
	case *hclsyntax.TemplateJoinExpr:
		return "loop in a template"
	}
	return "syntax"
}

// constant makes a node of a static value.
func (c *compiler) constant(v cty.Value, rng hcl.Range) node {
	if v.ContainsMarked() {
		return c.bad(rng, diag.SecretMisused, "a secret in an event expression",
			"Secrets are for plugins' arguments. What an expression computes may end in a sink.")
	}
	if !v.IsWhollyKnown() {
		return node{rng: rng, bad: true} // its error has been reported where it arose
	}
	if v.IsNull() {
		return literal(value{}, rng)
	}
	switch t := v.Type(); {
	case t == cty.String:
		return literal(value{kind: kindString, s: v.AsString()}, rng)
	case t == cty.Bool:
		return literal(value{kind: kindBool, b: v.True()}, rng)
	case t == cty.Number:
		return c.numberConstant(v.AsBigFloat(), rng)
	case t.IsTupleType() || t.IsListType() || t.IsSetType():
		n := node{kind: kindList, rng: rng}
		for it := v.ElementIterator(); it.Next(); {
			_, item := it.Element()
			if !item.IsNull() && !item.Type().IsPrimitiveType() {
				return c.bad(rng, diag.WrongType, "a list within a list", "Lists in event expressions contain strings, numbers and bools.")
			}
			e := c.constant(item, rng)
			n.list = append(n.list, e)
			n.bad = n.bad || e.bad
		}
		return n
	}
	return c.bad(rng, diag.WrongType, "an object can't be used in an event expression", "Use one of its attributes.")
}

func (c *compiler) numberConstant(f *big.Float, rng hcl.Range) node {
	n, _ := f.Float64()
	if isInf(n) {
		return c.bad(rng, diag.InvalidExpression, "number is too large", "Numbers are 64-bit floats.")
	}
	if f.IsInt() && new(big.Float).SetFloat64(n).Cmp(f) != 0 {
		return c.bad(rng, diag.InvalidExpression, "number has too many digits",
			"Integers are exact up to 9007199254740992. Put quotes around an id to compare it as text.")
	}
	return literal(value{kind: kindNumber, n: n}, rng)
}

func (c *compiler) tuple(e *hclsyntax.TupleConsExpr) node {
	n := node{kind: kindList, rng: e.SrcRange}
	for _, x := range e.Exprs {
		item := c.compile(x)
		if item.kind == kindList {
			item = c.bad(item.rng, diag.WrongType, "a list within a list", "Lists in event expressions contain single values.")
		}
		n.list = append(n.list, item)
		n.bad = n.bad || item.bad
	}
	return n
}

// wantText reports a node that has no text.
func (c *compiler) wantText(n node) node {
	if !n.bad && n.kind == kindList {
		return c.bad(n.rng, diag.WrongType, "a list where text is expected", "Use one of its elements.")
	}
	return n
}

// wantBool reports a node that is no condition.
func (c *compiler) wantBool(n node) node {
	switch {
	case n.bad || n.kind == kindBool || n.kind == kindNull || n.kind == kindAny:
		return n
	case n.kind == kindString && !n.canonical && !n.constant:
		return n // attributes carry "true" and "false" as text
	case n.constant && n.kind == kindString:
		if b, ok := parseBool(n.lit.s); ok {
			return literal(value{kind: kindBool, b: b}, n.rng)
		}
	}
	return c.bad(n.rng, diag.WrongType, fmt.Sprintf("%s where a condition is expected", n.kind),
		"A condition is true or false: compare the value, for instance with == or has().")
}

// wantNumber reports a node that never is a number.
func (c *compiler) wantNumber(n node) node {
	switch {
	case n.bad || n.kind == kindNumber || n.kind == kindNull || n.kind == kindAny:
		return n
	case n.kind == kindString && n.enum == nil && !n.constant:
		return n
	case n.constant && n.kind == kindString:
		if f, ok := parseNumber(n.lit.s); ok {
			return literal(value{kind: kindNumber, n: f}, n.rng)
		}
	}
	return c.bad(n.rng, diag.WrongType, fmt.Sprintf("%s where a number is expected", n.kind),
		"Only numbers, and text that holds a number, can be used here.")
}

// wantTime reports a node that never is a time.
func (c *compiler) wantTime(n node) node {
	switch {
	case n.bad || n.kind == kindTime || n.kind == kindNull || n.kind == kindAny:
		return n
	case n.kind == kindString && n.enum == nil && !n.constant:
		return n
	case n.constant && n.kind == kindString:
		if t, ok := parseTime(n.lit.s); ok {
			return literal(value{kind: kindTime, t: t}, n.rng)
		}
		return c.bad(n.rng, diag.InvalidValue, fmt.Sprintf("%q is not a time", n.lit.s),
			`Write times as "2026-01-31T12:00:00Z" (RFC 3339).`)
	}
	return c.bad(n.rng, diag.WrongType, fmt.Sprintf("%s where a time is expected", n.kind),
		"Times are event.event_timestamp, event.received_at, now() and timestamp(text).")
}
