package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
)

// given is a value for a variable from outside: text from a command line or the
// environment, or an expression in a file of values.
type given struct {
	text string
	expr hclsyntax.Expression
	from string // "It comes from ..."
}

// checkGiven collects the values of variables from outside, the weakest first,
// and reports those that no variable takes. The environment is weaker still,
// and asked by name.
func (l *loader) checkGiven() {
	for _, name := range l.autoFiles() {
		if data, err := l.readConfined(name, maxFileBytes); err != nil {
			l.unreadable(l.display(name), err)
		} else {
			l.valueFile(data, l.display(name))
		}
	}
	for _, name := range l.opts.VarFiles {
		if data, err := readValues(name); err != nil {
			l.unreadable(name, err)
		} else {
			l.valueFile(data, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.opts.Vars)) {
		if l.mod.things["var."+name] == nil {
			l.diags = append(l.diags, diag.Diagnostic{
				Code: diag.UnknownReference, Summary: "a value for the unknown variable " + quote(name),
				Detail: "No variable block declares it.", Suggestion: diag.Suggest(name, l.mod.nouns("var")),
			})
		}
		l.outside[name] = given{text: l.opts.Vars[name], from: "It comes from -var."}
	}
}

const firstAutoFile = "patchbay.auto.vars.hcl"

// autoFiles returns the names of the directory's own files of values.
func (l *loader) autoFiles() []string {
	entries, err := l.readDir("")
	if err != nil {
		return nil // has been reported with the directory
	}
	var out []string
	for _, e := range entries {
		if n := e.Name(); !e.IsDir() && !strings.HasPrefix(n, ".") && strings.HasSuffix(n, ".auto.vars.hcl") {
			out = append(out, n)
		}
	}
	if i := slices.Index(out, firstAutoFile); i >= 0 {
		out = append([]string{firstAutoFile}, slices.Delete(out, i, i+1)...)
	}
	return out
}

// readValues reads a file of values, which may lie anywhere.
func readValues(name string) ([]byte, error) {
	info, err := os.Stat(name) // before opening: opening a pipe would block
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readLimited(f, maxFileBytes)
}

// valueFile takes the values of a file.
func (l *loader) valueFile(data []byte, display string) {
	body := l.parseText(data, display)
	if body == nil {
		return
	}
	for _, b := range body.Blocks {
		l.report(diag.UnknownBlock, b.TypeRange, "", "a block in a file of values",
			"In files whose names end in .vars.hcl there are only values: NAME = VALUE.")
	}
	for _, name := range slices.Sorted(maps.Keys(body.Attributes)) {
		a := body.Attributes[name]
		if l.mod.things["var."+name] == nil {
			l.suggest(diag.Error, diag.UnknownReference, a.NameRange, "", "a value for the unknown variable "+quote(name),
				"No variable block declares it.", diag.Suggest(name, l.mod.nouns("var")))
			continue
		}
		l.outside[name] = given{expr: a.Expr, from: "It comes from " + display + "."}
	}
}

// outsideValue is the value of a variable from outside. False means that there
// is none.
func (l *loader) outsideValue(t *thing, b *body, name string) (cty.Value, bool) {
	g, ok := l.outside[name]
	if !ok {
		g.text, ok = l.opts.Env("PATCHBAY_VAR_" + name)
		g.from = "It comes from the environment variable PATCHBAY_VAR_" + name + "."
	}
	if !ok {
		return cty.NilVal, false
	}
	t.variable.from = g.from
	if g.expr == nil {
		return l.givenText(t.variable, b, g), true
	}
	t.variable.at = g.expr.Range()
	out, ok := l.writtenValue(t, &loader{run: l.run}, g.expr, b.context, "the value")
	return out, !ok || !out.IsNull() // null is as if it weren't written
}

// givenText reads a value that came as text: text as it is, other types as HCL.
func (l *loader) givenText(v *variable, b *body, g given) cty.Value {
	if v.sensitive {
		return l.hide(g.text) // I14; and byte-exact, which cty would not be
	}
	if v.want == cty.String || v.want == cty.DynamicPseudoType {
		return cty.StringVal(g.text)
	}
	bad := func() cty.Value {
		b.report(diag.InvalidValue, b.header, "the value given from outside can't be used",
			fmt.Sprintf("It must be %s, written as in a file. %s", typeName(v.want), g.from))
		return cty.DynamicVal
	}
	if _, _, ok := precheck([]byte(g.text), ""); !ok || len(g.text) > maxFileBytes {
		return bad()
	}
	e, diags := hclsyntax.ParseExpression([]byte(g.text), "", hcl.InitialPos)
	if diags.HasErrors() {
		return bad()
	}
	before := len(l.diags)
	val, ok := (&loader{run: l.run}).eval(e, "")
	if !ok {
		l.diags = l.diags[:before] // they would point into a file that isn't
		return bad()
	}
	val, err := v.fit(val)
	if err != nil || val.IsNull() {
		return bad()
	}
	return val
}
