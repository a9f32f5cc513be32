package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/patchbay-io/patchbay/core/diag"
)

// variable is a declared variable.
type variable struct {
	value        cty.Value
	sensitive    bool
	missing      bool      // its default is a secret that isn't there
	defaultRange hcl.Range // zero without a default
}

// loadVariables declares all variables, and gives each its value: the strongest
// of Options.Vars, PATCHBAY_VAR_name and the default.
func (l *loader) loadVariables(blocks []*hclsyntax.Block) {
	l.varObject = cty.EmptyObjectVal // a default can't refer to another variable
	values := map[string]cty.Value{}
	for _, b := range blocks {
		if !l.name(b, 1, `variable "NAME" { type = string }`) || !l.unique("var."+b.Labels[0], b) {
			continue
		}
		v := l.variable(b)
		l.variables[b.Labels[0]] = v
		values[b.Labels[0]] = v.value
	}
	l.varObject = cty.ObjectVal(values)
	declared := slices.Sorted(maps.Keys(l.variables))
	for _, name := range slices.Sorted(maps.Keys(l.opts.Vars)) {
		if l.variables[name] == nil {
			l.diags = append(l.diags, diag.Diagnostic{
				Code: diag.UnknownReference, Summary: "a value for the unknown variable " + quote(name),
				Detail: "No variable block declares it.", Suggestion: diag.Suggest(name, declared),
			})
		}
	}
}

func (l *loader) variable(block *hclsyntax.Block) *variable {
	name := block.Labels[0]
	b := l.body(block, blockContext(block))
	v := &variable{value: cty.DynamicVal, sensitive: b.flag("sensitive")}
	b.text("description", "")
	want := l.variableType(b, v.sensitive)
	def := b.take("default")
	b.done()

	text, given := l.opts.Vars[name]
	if !given {
		text, given = l.opts.Env("PATCHBAY_VAR_" + name)
	}
	l.secretsGone = false
	switch {
	case given:
		v.value = l.givenValue(b, text, want, v.sensitive)
	case def != nil:
		v.defaultRange = def.Expr.Range()
		v.value = l.defaultValue(b, def, want, v)
	default:
		l.report(diag.MissingValue, b.header, b.context, "variable "+quote(name)+" has no value",
			fmt.Sprintf("Set it with -var %s=..., in the environment as PATCHBAY_VAR_%s, or give it a default.", name, name))
	}
	v.missing = l.secretsGone
	return v
}

func (l *loader) variableType(b *body, sensitive bool) cty.Type {
	a := b.take("type")
	if a == nil {
		if sensitive {
			return cty.String
		}
		return cty.DynamicPseudoType
	}
	want, diags := typeexpr.TypeConstraint(a.Expr)
	if diags.HasErrors() {
		b.report(diag.WrongType, a.Expr.Range(), "unknown type", "Types are string, number, bool, list(string), map(string) and the like, without quotes.")
		return cty.DynamicPseudoType
	}
	if sensitive && want != cty.String {
		b.report(diag.WrongType, a.Expr.Range(), "a sensitive variable must be a string", "Only text can be kept out of sight.")
		return cty.String
	}
	return want
}

// givenValue reads a value from outside: text as it is, other types as HCL.
func (l *loader) givenValue(b *body, text string, want cty.Type, sensitive bool) cty.Value {
	if sensitive {
		return l.hide(text) // I14; and byte-exact, which cty would not be
	}
	if want == cty.String || want == cty.DynamicPseudoType {
		return cty.StringVal(text)
	}
	bad := func() cty.Value {
		b.report(diag.InvalidValue, b.header, "the value given from outside can't be used",
			fmt.Sprintf("It must be a %s, written as in a file.", want.FriendlyNameForConstraint()))
		return cty.UnknownVal(want)
	}
	if _, ok := precheck([]byte(text), ""); !ok || len(text) > maxFileBytes {
		return bad()
	}
	e, diags := hclsyntax.ParseExpression([]byte(text), "", hcl.InitialPos)
	if diags.HasErrors() {
		return bad()
	}
	v, diags := e.Value(nil)
	if diags.HasErrors() || !v.IsWhollyKnown() {
		return bad()
	}
	v, err := convert.Convert(v, want)
	if err != nil || v.IsNull() {
		return bad()
	}
	return v
}

func (l *loader) defaultValue(b *body, def *hclsyntax.Attribute, want cty.Type, v *variable) cty.Value {
	val, ok := l.eval(def.Expr, b.context)
	if v.sensitive && (!ok || !val.ContainsMarked()) {
		l.blankLiteral(def.Expr)
	}
	if !ok {
		return cty.UnknownVal(want)
	}
	rng := def.Expr.Range()
	if val.ContainsMarked() && !v.sensitive {
		b.report(diag.SecretMisused, rng, "a secret as the default of a variable that is not sensitive", "Add sensitive = true.")
		return cty.UnknownVal(want)
	}
	out, err := convert.Convert(val, want)
	if err != nil {
		b.report(diag.WrongType, rng, "the default is not a "+want.FriendlyNameForConstraint(), "")
		return cty.UnknownVal(want)
	}
	if !v.sensitive || val.ContainsMarked() || out.IsNull() {
		return out
	}
	l.clearSecret(b, rng, out.AsString())
	return l.hide(out.AsString())
}

// clearSecret warns about a secret in clear text, and keeps it out of sight.
func (l *loader) clearSecret(b *body, rng hcl.Range, secret string) {
	l.blanks[rng.Filename] = append(l.blanks[rng.Filename], rng)
	if secret == "" {
		return
	}
	l.secrets = append(l.secrets, secret)
	l.warn(diag.ClearSecret, rng, b.context, "a secret in clear text", `Write secret("env:NAME") or secret("file:PATH") instead.`)
}
