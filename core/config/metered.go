package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// evaluation evaluates one expression. It does so on a copy in which the places
// where values grow are wrapped in a meter: HCL's evaluator can't be bounded or
// interrupted from outside.
type evaluation struct {
	l       *loader
	context string
	failed  bool
	stop    *stopped
}

// stopped is what the evaluation panics with to leave HCL's evaluator, which
// goes on with the next element after an error. It never leaves value.
type stopped struct {
	no  *refusal
	rng hcl.Range
}

// value evaluates an expression.
func (ev *evaluation) value(e hclsyntax.Expression, ctx *hcl.EvalContext) (v cty.Value, diags hcl.Diagnostics) {
	defer func() {
		if r := recover(); r != nil {
			if _, ours := r.(*stopped); !ours {
				panic(r)
			}
		}
		// A function that evaluates its arguments itself, like try, may have
		// taken the panic for its own.
		if ev.stop != nil {
			ev.failed = true
			v, diags = cty.DynamicVal, nil
			ev.l.report(ev.stop.no.code, ev.stop.rng, ev.context, ev.stop.no.summary, ev.stop.no.detail)
		}
	}()
	v, diags = ev.copy(e).Value(ctx)
	if !diags.HasErrors() {
		ev.check(ev.l.chargeValues(v), e.Range())
	}
	return v, diags
}

func (ev *evaluation) check(no *refusal, rng hcl.Range) {
	if no == nil {
		return
	}
	if ev.stop == nil {
		ev.stop = &stopped{no: no, rng: rng}
	}
	panic(ev.stop)
}

// metered charges for the value of an expression, each time it is evaluated.
type metered struct {
	hclsyntax.Expression
	ev      *evaluation
	operand bool  // of an operator: no secret
	unified bool  // cty will make one type of those of its elements
	broken  *bool // of a loop: an element was in error
}

// Value implements hcl.Expression.
func (m *metered) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	rng := m.Range()
	m.ev.check(m.ev.l.charge(stepWork), rng)
	if m.broken != nil && *m.broken {
		return cty.DynamicVal, nil
	}
	v, diags := m.Expression.Value(ctx)
	if diags.HasErrors() {
		if m.broken != nil {
			*m.broken = true
		}
		return v, diags
	}
	before := m.ev.l.work
	m.ev.check(m.ev.l.chargeValues(v), rng)
	if m.operand {
		m.ev.check(m.ev.l.charge(compareWork*(m.ev.l.work-before)), rng)
		if v.HasMarkDeep(secretMark{}) {
			m.ev.check(secretRefused(), rng)
		}
	}
	if m.unified && mixed(v) {
		m.ev.check(tooMixed(), rng)
	}
	return v, diags
}

func (ev *evaluation) meter(e hclsyntax.Expression) hclsyntax.Expression {
	if e == nil {
		return nil
	}
	return &metered{Expression: ev.copy(e), ev: ev}
}

func (ev *evaluation) operand(e hclsyntax.Expression) hclsyntax.Expression {
	return &metered{Expression: ev.copy(e), ev: ev, operand: true}
}

func (ev *evaluation) unified(e hclsyntax.Expression) hclsyntax.Expression {
	return &metered{Expression: ev.copy(e), ev: ev, unified: true}
}

// secretCall is a call of secret().
type secretCall struct {
	*hclsyntax.FunctionCallExpr
	ev *evaluation
}

// Value implements hcl.Expression.
func (c *secretCall) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, ok := c.ev.l.callSecret(c.FunctionCallExpr, ctx, c.ev.context)
	if !ok {
		c.ev.failed = true
		return cty.UnknownVal(cty.String), nil
	}
	return v, nil
}

// copy returns an expression of the same meaning whose parts are metered.
func (ev *evaluation) copy(e hclsyntax.Expression) hclsyntax.Expression {
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return &hclsyntax.ParenthesesExpr{Expression: ev.copy(e.Expression), SrcRange: e.SrcRange}
	case *hclsyntax.RelativeTraversalExpr:
		c := *e
		c.Source = ev.copy(e.Source)
		return &c
	case *hclsyntax.FunctionCallExpr:
		return ev.call(e)
	case *hclsyntax.ConditionalExpr:
		c := *e
		c.Condition, c.TrueResult, c.FalseResult = ev.operand(e.Condition), ev.unified(e.TrueResult), ev.unified(e.FalseResult)
		return &c
	case *hclsyntax.IndexExpr:
		c := *e
		c.Collection, c.Key = ev.copy(e.Collection), ev.operand(e.Key)
		return &c
	case *hclsyntax.TupleConsExpr:
		c := *e
		c.Exprs = ev.copies(e.Exprs)
		return &c
	case *hclsyntax.ObjectConsExpr:
		return ev.object(e)
	case *hclsyntax.ForExpr:
		return ev.loop(e)
	case *hclsyntax.SplatExpr:
		c := *e
		c.Source, c.Each = ev.meter(e.Source), ev.copy(e.Each)
		return &c
	}
	return ev.copyText(e)
}

// loop is a for expression. HCL goes on after an element that is in error, and
// keeps a message for each; of one execution, the first is enough.
type loop struct {
	*hclsyntax.ForExpr
	broken bool
}

// Value implements hcl.Expression.
func (l *loop) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	l.broken = false
	return l.ForExpr.Value(ctx)
}

func (ev *evaluation) loop(e *hclsyntax.ForExpr) hclsyntax.Expression {
	c := *e
	out := &loop{ForExpr: &c}
	part := func(e hclsyntax.Expression, operand bool) hclsyntax.Expression {
		if e == nil {
			return nil
		}
		return &metered{Expression: ev.copy(e), ev: ev, operand: operand, broken: &out.broken}
	}
	c.CollExpr = ev.meter(e.CollExpr)
	c.KeyExpr, c.ValExpr, c.CondExpr = part(e.KeyExpr, false), part(e.ValExpr, false), part(e.CondExpr, true)
	return out
}

// copyText is copy for operators and templates.
func (ev *evaluation) copyText(e hclsyntax.Expression) hclsyntax.Expression {
	switch e := e.(type) {
	case *hclsyntax.BinaryOpExpr:
		c := *e
		c.LHS, c.RHS = ev.operand(e.LHS), ev.operand(e.RHS)
		return &c
	case *hclsyntax.UnaryOpExpr:
		c := *e
		c.Val = ev.operand(e.Val)
		return &c
	case *hclsyntax.TemplateExpr:
		if e.IsStringLiteral() {
			return e
		}
		c := *e
		c.Parts = make([]hclsyntax.Expression, len(e.Parts))
		for i, part := range e.Parts {
			c.Parts[i] = ev.meter(part)
		}
		return &c
	case *hclsyntax.TemplateJoinExpr:
		return &hclsyntax.TemplateJoinExpr{Tuple: ev.meter(e.Tuple)}
	case *hclsyntax.TemplateWrapExpr:
		c := *e
		c.Wrapped = ev.copy(e.Wrapped)
		return &c
	}
	return e // a leaf: a literal, a traversal, the element of a splat
}

func (ev *evaluation) copies(in []hclsyntax.Expression) []hclsyntax.Expression {
	out := make([]hclsyntax.Expression, len(in))
	for i, e := range in {
		out[i] = ev.copy(e)
	}
	return out
}

// call copies a function's call. HCL converts its arguments before the function
// sees them; what comes out is metered by the function itself.
func (ev *evaluation) call(e *hclsyntax.FunctionCallExpr) hclsyntax.Expression {
	c := *e
	c.Args = make([]hclsyntax.Expression, len(e.Args))
	f, known := ev.l.functions()[e.Name]
	for i, arg := range e.Args {
		c.Args[i] = ev.meter(arg)
		if known && i < len(f.Params()) && f.Params()[i].Type.HasDynamicTypes() && f.Params()[i].Type.IsCollectionType() {
			c.Args[i] = ev.unified(arg)
		}
	}
	if e.Name == "secret" {
		return &secretCall{&c, ev}
	}
	return &c
}

func (ev *evaluation) object(e *hclsyntax.ObjectConsExpr) hclsyntax.Expression {
	c := *e
	c.Items = make([]hclsyntax.ObjectConsItem, len(e.Items))
	for i, item := range e.Items {
		c.Items[i] = hclsyntax.ObjectConsItem{KeyExpr: item.KeyExpr, ValueExpr: ev.copy(item.ValueExpr)}
		// What could be a word must stay as it is: that is how HCL knows it.
		if key, ok := item.KeyExpr.(*hclsyntax.ObjectConsKeyExpr); ok {
			if _, word := key.Wrapped.(*hclsyntax.ScopeTraversalExpr); !word {
				k := *key
				k.Wrapped = ev.meter(key.Wrapped)
				c.Items[i].KeyExpr = &k
			}
		}
	}
	return &c
}
