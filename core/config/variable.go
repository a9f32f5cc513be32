package config

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/patchbay-io/patchbay/core/diag"
)

// variable is what a variable block says, and where its value came from.
type variable struct {
	sensitive   bool
	want        cty.Type
	optional    *typeexpr.Defaults // of an object's attributes
	validations []validation

	from string    // "It comes from -var.", empty for the default
	at   hcl.Range // where the value is written, or else the block's header
}

// argument is what a module block says for a variable of the module.
type argument struct {
	attr    *hclsyntax.Attribute
	l       *loader // of the block
	context string
}

// variable reads a variable block and gives the variable its value.
func (l *loader) variable(t *thing) cty.Value {
	b := l.body(t.block, l.where(t.block))
	v := &variable{sensitive: b.flag("sensitive"), at: b.header}
	t.variable = v
	b.text("description", "")
	var known bool
	v.want, v.optional, known = variableType(b, v.sensitive)
	def := b.take("default")
	v.validations = validations(b)
	b.done()
	out := l.variableValue(t, b, def)
	if !known {
		return cty.DynamicVal
	}
	return out
}

// variableValue is what the module's block says, or what was given from outside,
// or the default.
func (l *loader) variableValue(t *thing, b *body, def *hclsyntax.Attribute) cty.Value {
	name, v := t.block.Labels[0], t.variable
	if arg := l.mod.args[name]; arg != nil {
		v.at = arg.attr.Expr.Range()
		v.from = "The value is written in the module's block."
		out, ok := l.writtenValue(t, arg.l, arg.attr.Expr, arg.context, quote(name))
		if !ok || !out.IsNull() {
			return out
		}
	}
	if l.mod.parent == nil {
		if out, ok := l.outsideValue(t, b, name); ok {
			return out
		}
	}
	if def != nil {
		v.at, v.from = def.Expr.Range(), ""
		out, _ := l.writtenValue(t, &loader{run: l.run}, def.Expr, b.context, "the default")
		return out
	}
	if l.mod.parent != nil {
		l.mod.call.report(diag.MissingArgument, l.mod.call.header, "missing argument "+quote(name),
			"The module's variable has no default: write "+name+" = ... in this block.")
		return cty.DynamicVal
	}
	b.report(diag.MissingValue, b.header, "variable "+quote(name)+" has no value",
		fmt.Sprintf("Set it with -var %s=..., in the environment as PATCHBAY_VAR_%s, or give it a default.", name, name))
	return cty.DynamicVal
}

// variableType reads the type of a variable; without one, anything will do.
// False means that it has been reported what is wrong with it.
func variableType(b *body, sensitive bool) (cty.Type, *typeexpr.Defaults, bool) {
	a := b.take("type")
	if a == nil && sensitive {
		return cty.String, nil, true
	}
	if a == nil {
		return cty.DynamicPseudoType, nil, true
	}
	want, ok := referenceConstraint(a.Expr)
	var optional *typeexpr.Defaults
	if !ok {
		var diags hcl.Diagnostics
		want, optional, diags = typeexpr.TypeConstraintWithDefaults(a.Expr)
		if diags.HasErrors() {
			b.report(diag.WrongType, a.Expr.Range(), "unknown type",
				"Types are string, number, bool, list(string), map(string), object({...}), any and the like, without quotes; for references source, sink and lookup.")
			return cty.DynamicPseudoType, nil, false
		}
	}
	if sensitive && want != cty.String {
		b.report(diag.WrongType, a.Expr.Range(), "a sensitive variable must be a string", "Only text can be kept out of sight.")
		return cty.String, nil, false
	}
	return want, optional, true
}

// referenceConstraint reads the types of references, which only we know.
func referenceConstraint(e hcl.Expression) (cty.Type, bool) {
	switch hcl.ExprAsKeyword(e) {
	case "source":
		return sourceType, true
	case "sink":
		return sinkType, true
	case "lookup":
		return lookupType, true
	}
	call, diags := hcl.ExprCall(e)
	if diags.HasErrors() || len(call.Arguments) != 1 {
		return cty.NilType, false
	}
	of, ok := referenceConstraint(call.Arguments[0])
	switch {
	case !ok:
		return cty.NilType, false
	case call.Name == "list":
		return cty.List(of), true
	case call.Name == "set":
		return cty.Set(of), true
	case call.Name == "map":
		return cty.Map(of), true
	}
	return cty.NilType, false
}

// fit converts a value to the variable's type.
func (v *variable) fit(val cty.Value) (cty.Value, error) {
	if v.optional != nil && !val.IsNull() {
		val = v.optional.Apply(val)
	}
	if v.want.HasDynamicTypes() && v.want.IsCollectionType() && mixed(val) {
		return cty.NilVal, tooMixed()
	}
	return convert.Convert(val, v.want)
}

// writtenValue evaluates a value that is written in a file. False means that it
// has been reported what is wrong with it.
func (l *loader) writtenValue(t *thing, in *loader, e hclsyntax.Expression, context, what string) (cty.Value, bool) {
	v := t.variable
	rng := e.Range()
	val, ok := in.evalAny(e, context)
	if v.sensitive && (!ok || !val.ContainsMarked()) {
		in.blankLiteral(e)
		t.written = append(t.written, rng)
	}
	if !ok {
		return cty.DynamicVal, false
	}
	if val.ContainsMarked() && !v.sensitive && l.mod.args[t.block.Labels[0]] == nil {
		l.report(diag.SecretMisused, rng, context, "a secret as the value of a variable that is not sensitive", "Add sensitive = true to the variable.")
		return cty.DynamicVal, false
	}
	out, err := v.fit(val)
	if err != nil {
		l.report(diag.WrongType, rng, context, what+" is not "+typeName(v.want), v.misfit(err))
		return cty.DynamicVal, false
	}
	if !v.sensitive || val.ContainsMarked() || out.IsNull() {
		return out, true
	}
	l.clearSecret(rng, context, out.AsString())
	return l.hide(out.AsString()), true
}

// typeName is a type with its article: "a list of string".
func typeName(t cty.Type) string {
	name := t.FriendlyNameForConstraint()
	if slices.Contains([]byte("aeio"), name[0]) {
		return "an " + name
	}
	return "a " + name
}

// misfit is the error of a conversion as a sentence, where it says more than
// the type does.
func (v *variable) misfit(err error) string {
	if v.want.IsPrimitiveType() || v.want.IsCapsuleType() {
		return ""
	}
	return upperFirst(shorten(err.Error(), maxSyntaxText)) + "."
}

// clearSecret warns about a secret in clear text, and keeps it out of sight.
func (r *run) clearSecret(rng hcl.Range, context, secret string) {
	r.blanks[rng.Filename] = append(r.blanks[rng.Filename], rng)
	if secret == "" {
		return
	}
	r.secrets = append(r.secrets, secret)
	r.warn(diag.ClearSecret, rng, context, "a secret in clear text", `Write secret("env:NAME") or secret("file:PATH") instead.`)
}

// validation is a condition that a variable's value must meet.
type validation struct {
	b                  *body
	condition, message *hclsyntax.Attribute
}

func validations(b *body) []validation {
	var out []validation
	for _, block := range b.takeBlocks("validation") {
		n := b.l.body(block, b.context+", validation")
		v := validation{
			b:         n,
			condition: n.require("condition", "Write what must hold, for instance condition = length(var.NAME) > 0."),
			message:   n.require("error_message", "Write in a sentence what the value must be."),
		}
		n.done()
		out = append(out, v)
	}
	return out
}

// checkVariables evaluates everything of the module that nothing has mentioned,
// so that mistakes in it are found too, and checks the variables' values.
func (l *loader) checkVariables() {
	for _, t := range l.mod.order {
		l.evaluate(t, t.rng, "")
	}
	for _, t := range l.mod.of("var") {
		if !t.value.IsWhollyKnown() {
			continue // it has been reported why
		}
		for _, v := range t.variable.validations {
			l.validate(t, v)
		}
	}
}

func (l *loader) validate(t *thing, v validation) {
	if v.condition == nil || v.message == nil {
		return
	}
	val, ok := v.b.eval(v.condition)
	if !ok {
		return
	}
	rng := v.condition.Expr.Range()
	switch val, err := convert.Convert(val, cty.Bool); {
	case val.ContainsMarked():
		no := secretRefused()
		v.b.report(no.code, rng, no.summary, no.detail)
		return
	case err != nil || val.IsNull():
		v.b.report(diag.WrongType, rng, "the condition is not true or false", "Compare the value with something.")
		return
	case val.True():
		return
	}
	message, _ := v.b.textOf(v.message)
	if message == "" {
		return // it has been reported, or there is nothing to say
	}
	detail := shorten(message, maxSyntaxText)
	if t.variable.from != "" {
		detail += " " + t.variable.from
	}
	l.report(diag.InvalidVariable, t.variable.at, l.where(t.block), "the value of "+t.name+" is refused", detail)
}
