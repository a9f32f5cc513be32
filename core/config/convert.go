package config

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
)

// locate remembers where an argument and its elements are written.
func (p *pluginBody) locate(path string, e hclsyntax.Expression) {
	p.ranges[path] = e.Range()
	switch e := e.(type) {
	case *hclsyntax.TupleConsExpr:
		for i, item := range e.Exprs {
			p.locate(fmt.Sprintf("%s.%d", path, i), item)
		}
	case *hclsyntax.ObjectConsExpr:
		for _, item := range e.Items {
			if key, ok := literalKey(item.KeyExpr); ok {
				p.locate(path+"."+key, item.ValueExpr)
			}
		}
	}
}

// literalKey returns an object's key that needs no evaluation.
func literalKey(e hclsyntax.Expression) (string, bool) {
	if kw := hcl.ExprAsKeyword(e); kw != "" {
		return kw, true
	}
	if k, ok := e.(*hclsyntax.ObjectConsKeyExpr); ok {
		e = k.Wrapped
	}
	t, ok := e.(*hclsyntax.TemplateExpr)
	if !ok || !t.IsStringLiteral() {
		return "", false
	}
	v, diags := t.Value(nil)
	return v.AsString(), !diags.HasErrors()
}

// plain turns a value into what JSON is made of, with its secrets put in.
func (p *pluginBody) plain(b *body, v cty.Value, rng hcl.Range) (any, bool) {
	if v.IsMarked() {
		p.missing = p.missing || v.HasMark(missingMark{})
		v, _ = v.Unmark()
		if v.Type() == cty.String && !v.IsNull() {
			if s, ok := p.l.resolve(v.AsString()); ok {
				return s, true
			}
		}
		no := secretRefused()
		b.report(no.code, rng, no.summary, no.detail)
		return nil, false
	}
	if v.IsNull() {
		return nil, true
	}
	switch t := v.Type(); {
	case t == cty.String:
		return v.AsString(), true
	case t == cty.Bool:
		return v.True(), true
	case t == cty.Number:
		return p.plainNumber(b, v.AsBigFloat(), rng)
	case t.IsObjectType() || t.IsMapType():
		out := map[string]any{}
		all := true
		for it := v.ElementIterator(); it.Next(); {
			key, item := it.Element()
			g, ok := p.plain(b, item, rng)
			all = all && ok
			out[key.AsString()] = g
		}
		return out, all
	}
	out := []any{}
	all := true
	for it := v.ElementIterator(); it.Next(); {
		_, item := it.Element()
		g, ok := p.plain(b, item, rng)
		all = all && ok
		out = append(out, g)
	}
	return out, all
}

func (p *pluginBody) plainNumber(b *body, f *big.Float, rng hcl.Range) (any, bool) {
	n, _ := f.Float64()
	if math.IsInf(n, 0) || f.MantExp(nil) < -1000 {
		b.report(diag.InvalidExpression, rng, "number out of range", "")
		return nil, false
	}
	if i, acc := f.Int64(); acc == big.Exact {
		return json.Number(fmt.Sprint(i)), true
	}
	return json.Number(f.Text('g', 17)), true
}

// blankLiteral keeps an expression's text out of snippets: where a secret is
// expected, any of it may be one. References to secrets may be seen.
func (l *loader) blankLiteral(e hclsyntax.Expression) {
	if ranges, ok := besideSecrets(e); ok {
		for _, rng := range ranges {
			l.blanks[rng.Filename] = append(l.blanks[rng.Filename], rng)
		}
	} else {
		rng := e.Range()
		l.blanks[rng.Filename] = append(l.blanks[rng.Filename], rng)
	}
	for _, t := range e.Variables() {
		if len(t) < 2 || t.RootName() != "var" {
			continue
		}
		if step, ok := stepName(t[1]); ok && l.mod != nil && l.mod.things["var."+step] != nil {
			for _, def := range l.mod.things["var."+step].written {
				l.blanks[def.Filename] = append(l.blanks[def.Filename], def)
			}
		}
	}
}

// besideSecrets returns where an expression has text beside its calls of
// secret(). False means that it has no such call with a reference in it.
func besideSecrets(e hclsyntax.Expression) ([]hcl.Range, bool) {
	var text, calls []hcl.Range
	_ = hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.TemplateExpr, *hclsyntax.LiteralValueExpr:
			text = append(text, n.Range())
		case *hclsyntax.FunctionCallExpr:
			if n.Name == "secret" && len(n.Args) == 1 {
				if ref, ok := literalKey(n.Args[0]); ok && slices.Contains(secretKinds(), before(ref, ":")) {
					calls = append(calls, n.Range())
				}
			}
		}
		return nil
	})
	text = slices.DeleteFunc(text, func(t hcl.Range) bool {
		return slices.ContainsFunc(calls, func(c hcl.Range) bool { return c.Overlaps(t) })
	})
	return text, len(calls) > 0
}
