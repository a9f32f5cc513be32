package config

import (
	"errors"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
)

// eval evaluates a static expression to a value without references. False
// means that what is wrong with it has been reported.
func (l *loader) eval(e hclsyntax.Expression, context string) (cty.Value, bool) {
	v, ok := l.evalAny(e, context)
	if ok && hasReference(v) {
		l.report(diag.WrongType, referenceRange(e), context, "a reference where a value is expected",
			"References stand in a pipeline's from and to, and in lookup and to of its stages.")
		return cty.DynamicVal, false
	}
	return v, ok
}

// evalAny is eval for places where references are values like others.
func (l *loader) evalAny(e hclsyntax.Expression, context string) (cty.Value, bool) {
	l.evaluations++
	ok := l.checkShape(e, context)
	names, known := l.gather(e, context)
	if !ok || !known || l.work > maxWork {
		return cty.DynamicVal, false // it has been reported
	}
	ev := &evaluation{l: l, context: context}
	v, diags := ev.value(e, &hcl.EvalContext{Functions: l.functions(), Variables: names})
	ev.failed = ev.failed || diags.HasErrors()
	for _, d := range diags[:min(len(diags), maxProblems)] {
		if d.Severity == hcl.DiagError {
			l.evaluationProblem(d, e, context)
		}
	}
	if !ev.failed && !v.IsWhollyKnown() && knownNames(names) {
		// cty's functions answer so where they are given null as anything.
		ev.failed = true
		l.report(diag.InvalidExpression, e.Range(), context, "the value can't be told", "Something in it is null where a value is needed.")
	}
	if ev.failed || !v.IsWhollyKnown() {
		return cty.DynamicVal, false
	}
	return v, true
}

func knownNames(names map[string]cty.Value) bool {
	for _, v := range names {
		if !v.IsWhollyKnown() {
			return false
		}
	}
	return true
}

// maxProblems bounds what is said about one expression.
const maxProblems = 20

// evaluationProblem turns a finding of HCL's evaluator into one of ours.
func (l *loader) evaluationProblem(d *hcl.Diagnostic, e hclsyntax.Expression, context string) {
	rng := e.Range()
	if d.Subject != nil {
		rng = *d.Subject
	}
	code := diag.InvalidExpression
	if extra, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d); ok {
		code = diag.WrongArguments
		var r *refusal
		if errors.As(extra.FunctionCallError(), &r) {
			if d.Context != nil {
				rng = *d.Context
			}
			l.report(r.code, rng, context, r.summary, r.detail)
			return
		}
	}
	l.report(code, rng, context, lowerFirst(d.Summary), shorten(d.Detail, maxSyntaxText))
}

// maxLoops bounds how deep loops may stand in each other.
const maxLoops = 3

// checkShape looks for what HCL would report less helpfully, or too late.
func (l *loader) checkShape(e hclsyntax.Expression, context string) bool {
	w := &shapeWalker{l: l, context: context, ok: true}
	_ = hclsyntax.Walk(e, w) // the walker returns no diagnostics
	return w.ok
}

type shapeWalker struct {
	l       *loader
	context string
	loops   int
	ok      bool
}

// Enter implements hclsyntax.Walker.
func (w *shapeWalker) Enter(n hclsyntax.Node) hcl.Diagnostics {
	switch n := n.(type) {
	case *hclsyntax.ForExpr:
		w.loops++
		if w.loops == maxLoops+1 {
			w.ok = false
			w.l.report(diag.UnsupportedSyntax, n.SrcRange, w.context, "loops are nested too deeply",
				"There may be "+itoa(maxLoops)+" for expressions in each other. Name the inner ones in a locals block.")
		}
	case *hclsyntax.FunctionCallExpr:
		all := w.l.functions()
		if _, known := all[n.Name]; !known {
			w.ok = false
			names := slices.Sorted(maps.Keys(all))
			near := diag.Suggest(n.Name, names)
			detail := "The functions here are " + list(names) + "."
			if near != "" {
				detail = "There is no function of that name."
			}
			w.l.suggest(diag.Error, diag.UnknownFunction, n.NameRange, w.context, "unknown function "+quote(n.Name), detail, near)
		}
	}
	return nil
}

// Exit implements hclsyntax.Walker.
func (w *shapeWalker) Exit(n hclsyntax.Node) hcl.Diagnostics {
	if _, ok := n.(*hclsyntax.ForExpr); ok {
		w.loops--
	}
	return nil
}

// refusal is why a function of ours didn't do what it was asked.
type refusal struct {
	code            diag.Code
	summary, detail string
}

// Error implements error.
func (r *refusal) Error() string { return r.summary }

func secretRefused() *refusal {
	return &refusal{
		diag.SecretMisused, "a secret can't be transformed or compared",
		`Use it whole, or inside a template: "Bearer ${secret("env:TOKEN")}".`,
	}
}
