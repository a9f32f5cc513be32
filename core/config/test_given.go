package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/expr"
)

// given reads the recorded requests. The call of file is recognised as it is
// written and its file read when the test runs: a request's bytes must not
// become an HCL value, which would change them.
func (l *loader) given(b *body) []Given {
	const usage = `Write given = file("testdata/NAME.http"), or a list of them.`
	a := b.require("given", usage)
	if a == nil {
		return nil
	}
	items := []hclsyntax.Expression{a.Expr}
	if tuple, ok := a.Expr.(*hclsyntax.TupleConsExpr); ok {
		items = tuple.Exprs
		if len(items) == 0 {
			b.report(diag.MissingArgument, a.Expr.Range(), `"given" is empty`, usage)
		}
	}
	var out []Given
	for _, e := range items {
		call, ok := e.(*hclsyntax.FunctionCallExpr)
		if !ok || call.Name != "file" || len(call.Args) != 1 || call.ExpandFinal {
			b.report(diag.WrongType, e.Range(), "not a recorded request", usage)
			continue
		}
		v, ok := l.eval(call.Args[0], b.context)
		if !ok {
			continue
		}
		if v.ContainsMarked() || v.IsNull() || v.Type() != cty.String {
			b.report(diag.WrongType, call.Args[0].Range(), "the name of a file must be plain text", usage)
			continue
		}
		name, rng := v.AsString(), call.Args[0].Range()
		if path, ok := l.confined(b, name, rng); ok {
			out = append(out, Given{File: name, Path: path, Range: rng})
		}
	}
	return out
}

// instant is a point in time; zero if it isn't written.
func (b *body) instant(name string) time.Time {
	s, rng := b.text(name, "")
	if rng.Empty() {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		b.report(diag.InvalidValue, rng, quote(s)+" is not a time", `Write it as "2026-01-31T12:00:00Z" (RFC 3339).`)
	}
	return t.UTC()
}

// testSecrets reads what a test gives the source's plugin in place of what is
// configured. To give secrets is to have requests authenticated with them, unless
// the test says otherwise.
func (l *loader) testSecrets(b *body, t *Test) map[string]json.RawMessage {
	a := b.take("secrets")
	if a == nil {
		return nil
	}
	if b.syn.Attributes["authenticate"] == nil {
		t.Authenticate = true
	}
	source := t.Source
	if source == nil && t.Pipeline != nil && len(t.Pipeline.From) == 1 {
		source = t.Pipeline.From[0]
	}
	if source == nil {
		b.report(diag.MissingArgument, a.NameRange, "secrets of which source?", "Write source = source.TYPE.NAME beside them.")
		return nil
	}
	t.Source = source
	pairs, diags := hcl.ExprMap(a.Expr)
	if diags.HasErrors() || len(pairs) == 0 {
		b.report(diag.WrongType, a.Expr.Range(), `"secrets" must name arguments of the source`, `Write secrets = { NAME = "value" }.`)
		return nil
	}
	p := &pluginBody{l: l, ranges: map[string]hcl.Range{}}
	out := map[string]json.RawMessage{}
	for _, pair := range pairs {
		syn, _ := pair.Value.(hclsyntax.Expression)
		l.blankLiteral(syn)
		name, ok := l.secretName(b, pair.Key, source)
		if !ok {
			continue
		}
		v, ok := l.eval(syn, b.context)
		if !ok {
			continue
		}
		if g, ok := p.plain(b, v, syn.Range()); ok {
			out[name], _ = json.Marshal(g) // text, numbers, lists and maps of them
		}
	}
	return out
}

// secretName reads the name of a plugin's argument.
func (l *loader) secretName(b *body, key hcl.Expression, s *Source) (string, bool) {
	syn, _ := key.(hclsyntax.Expression)
	name, ok := literalKey(syn)
	if !ok {
		b.report(diag.UnsupportedSyntax, key.Range(), "a name must be written out", "Names of arguments can't be computed.")
		return "", false
	}
	if s.Info == nil {
		return name, true
	}
	var known []string
	for _, a := range s.Info.GetSchema().GetAttributes() {
		known = append(known, a.Name)
	}
	if !slices.Contains(known, name) {
		l.suggest(diag.Error, diag.UnknownArgument, key.Range(), b.context, "unknown argument "+quote(name),
			s.Context()+" takes "+list(known)+".", diag.Suggest(name, known))
		return "", false
	}
	return name, true
}

// testRows reads the rows that stand in for a lookup.
func (l *loader) testRows(outer *body, block *hclsyntax.Block) (TestRows, bool) {
	b := l.body(block, outer.context+", "+blockContext(block))
	a := b.require("rows", `Write rows = { KEY = { COLUMN = "value" } }.`)
	b.done()
	address := strings.Join(block.Labels, ".")
	var known []string
	for _, lk := range l.cfg.Lookups {
		known = append(known, lk.Address)
	}
	i := slices.Index(known, address)
	if i < 0 {
		l.suggest(diag.Error, diag.UnknownReference, block.DefRange(), outer.context, "unknown lookup "+quote(address),
			"It stands in for a configured lookup: write its labels.", diag.Suggest(address, known))
		return TestRows{}, false
	}
	r := TestRows{Lookup: l.cfg.Lookups[i], Rows: map[string]*expr.Row{}}
	if a == nil {
		return r, false
	}
	v, rng, ok := b.evaluated(a)
	if !ok {
		return r, false
	}
	for key, row := range elements(v) {
		cells := elements(row)
		if cells == nil {
			b.report(diag.WrongType, rng, fmt.Sprintf("row %s must be an object", quote(key)), `Write rows = { KEY = { COLUMN = "value" } }.`)
			return r, false
		}
		if r.Rows[key], ok = l.testRow(b, r.Lookup, cells, rng); !ok {
			return r, false
		}
	}
	return r, true
}

func (l *loader) testRow(b *body, lk *Lookup, cells map[string]cty.Value, rng hcl.Range) (*expr.Row, bool) {
	row := &expr.Row{Columns: map[string]int{}}
	for _, column := range slices.Sorted(maps.Keys(cells)) {
		if lk.Columns != nil && !slices.Contains(lk.Columns, column) {
			l.suggest(diag.Error, diag.UnknownReference, rng, b.context, "unknown column "+quote(column),
				"The columns are "+shorten(list(lk.Columns), maxSyntaxText)+".", diag.Suggest(column, lk.Columns))
			return nil, false
		}
		text, null, ok := plainText(cells[column])
		if !ok {
			b.report(diag.WrongType, rng, fmt.Sprintf("column %s must be text", quote(column)), "")
			return nil, false
		}
		if !null {
			row.Columns[column] = len(row.Values)
			row.Values = append(row.Values, text)
		}
	}
	return row, true
}

// evaluated is the value of an argument that must not hold a secret.
func (b *body) evaluated(a *hclsyntax.Attribute) (cty.Value, hcl.Range, bool) {
	rng := a.Expr.Range()
	v, ok := b.l.eval(a.Expr, b.context)
	if ok && v.ContainsMarked() {
		b.report(diag.SecretMisused, rng, "a secret where it would be visible", "Only plugins' arguments can be secrets.")
		ok = false
	}
	return v, rng, ok
}

// elements are those of an object or map; nil if v is neither.
func elements(v cty.Value) map[string]cty.Value {
	if v.IsNull() || !v.Type().IsObjectType() && !v.Type().IsMapType() {
		return nil
	}
	return v.AsValueMap()
}
