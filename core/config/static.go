package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/patchbay-io/patchbay/core/diag"
)

// functions are what static expressions may call. None of them reaches outside
// the configuration, and none makes more out of its arguments than went in, so
// no expression can grow beyond its text (I12).
func (l *loader) functions() map[string]function.Function {
	return map[string]function.Function{
		"coalesce": stdlib.CoalesceFunc,
		"concat":   stdlib.ConcatFunc,
		"length":   stdlib.LengthFunc,
		"lower":    stdlib.LowerFunc,
		"secret":   l.secretFunction(),
		"tonumber": stdlib.MakeToFunc(cty.Number),
		"tostring": stdlib.MakeToFunc(cty.String),
		"upper":    stdlib.UpperFunc,
	}
}

// eval evaluates a static expression. False means that what is wrong with it
// has been reported.
func (l *loader) eval(e hclsyntax.Expression, context string) (cty.Value, bool) {
	ctx := &hcl.EvalContext{Functions: l.functions(), Variables: map[string]cty.Value{"var": l.varObject}}
	if !l.checkStatic(e, ctx, context) {
		return cty.DynamicVal, false
	}
	v, diags := e.Value(ctx)
	ok := true
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		ok = false
		rng := e.Range()
		if d.Subject != nil {
			rng = *d.Subject
		}
		l.report(diag.InvalidExpression, rng, context, lowerFirst(d.Summary), shorten(d.Detail, maxSyntaxText))
	}
	return v, ok && v.IsWhollyKnown()
}

// checkStatic looks for what HCL would report less helpfully, and fetches the
// secrets that the expression mentions.
func (l *loader) checkStatic(e hclsyntax.Expression, ctx *hcl.EvalContext, context string) bool {
	ok, loops := true, false
	report := func(code diag.Code, rng hcl.Range, summary, detail, suggestion string) {
		ok = false
		l.suggest(diag.Error, code, rng, context, summary, detail, suggestion)
	}
	visit := func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.ForExpr:
			loops = true // visited before what it contains, which has names of its own
			report(diag.UnsupportedSyntax, n.SrcRange, "for expressions are not supported", "Write the elements out.", "")
		case *hclsyntax.FunctionCallExpr:
			if _, known := ctx.Functions[n.Name]; !known {
				names := slices.Sorted(maps.Keys(ctx.Functions))
				report(diag.UnknownFunction, n.NameRange, "unknown function "+quote(n.Name),
					"The functions here are "+list(names)+".", diag.Suggest(n.Name, names))
			} else if n.Name == "secret" && !l.fetchSecret(n, ctx, context) {
				ok = false
			}
		case *hclsyntax.ScopeTraversalExpr:
			if !loops {
				l.checkRoot(n, report)
			}
		}
		return nil
	}
	hclsyntax.VisitAll(e, visit)
	return ok
}

// checkRoot checks a reference within a static expression.
func (l *loader) checkRoot(e *hclsyntax.ScopeTraversalExpr, report func(code diag.Code, rng hcl.Range, summary, detail, suggestion string)) {
	switch root := e.Traversal.RootName(); root {
	case "var":
		if len(e.Traversal) < 2 {
			report(diag.UnknownReference, e.SrcRange, "var needs a name", "Write var.NAME.", "")
			return
		}
		step, ok := e.Traversal[1].(hcl.TraverseAttr)
		if !ok {
			report(diag.UnknownReference, e.SrcRange, "var needs a name", "Write var.NAME.", "")
			return
		}
		v := l.variables[step.Name]
		if v == nil {
			report(diag.UnknownReference, e.SrcRange, "unknown variable "+quote(step.Name),
				fmt.Sprintf("Declare it with a block: variable %q { }.", shorten(step.Name, 80)),
				diag.Suggest(step.Name, slices.Sorted(maps.Keys(l.variables))))
			return
		}
		l.secretsGone = l.secretsGone || v.missing
	case "event", "found":
		report(diag.UnknownReference, e.SrcRange, root+" is not known here",
			"This argument is evaluated once, when the configuration is loaded. Only the expressions of stages see events.", "")
	case "source", "sink", "lookup", "pipeline":
		report(diag.WrongType, e.SrcRange, "a reference where a value is expected",
			"References stand in a pipeline's from and to, and in lookup and to of its stages.", "")
	default:
		report(diag.UnknownReference, e.SrcRange, "unknown name "+quote(root),
			"Text is written in quotes; variables as var.NAME.", diag.Suggest(root, []string{"var"}))
	}
}
