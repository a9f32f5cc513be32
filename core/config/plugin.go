package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

// pluginConfig makes JSON of what core leaves of a block. Without info nothing
// is checked, and everything is passed on as written.
func (l *loader) pluginConfig(b *body, info *wire.TypeInfo) (config []byte, ranges map[string]hcl.Range, missing bool) {
	p := &pluginBody{l: b.l, ranges: map[string]hcl.Range{"": b.header}}
	var out map[string]any
	if info == nil {
		out = p.free(b, "")
	} else {
		out = p.checked(b, info.GetSchema(), "")
	}
	config, err := json.Marshal(out)
	if err != nil {
		// Only text, numbers, bools, lists and maps were put in.
		b.report(diag.InvalidExpression, b.header, "the arguments can't be written as JSON", err.Error())
	}
	return config, p.ranges, p.missing
}

// pluginBody reads the part of a block that belongs to a plugin.
type pluginBody struct {
	l       *loader
	ranges  map[string]hcl.Range
	missing bool // a secret wasn't there
}

// free takes everything as it is: a block once is an object, a repeated one a
// list of objects.
func (p *pluginBody) free(b *body, path string) map[string]any {
	out := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(b.syn.Attributes)) {
		if slices.Contains(b.args, name) {
			continue
		}
		a := b.syn.Attributes[name]
		p.locate(path+name, a.Expr)
		if v, ok := b.eval(a); ok {
			if g, ok := p.plain(b, v, a.Expr.Range()); ok && g != nil {
				out[name] = g
			}
		}
	}
	nested := map[string][]any{}
	for _, block := range b.syn.Blocks {
		if slices.Contains(b.blocks, block.Type) {
			continue
		}
		sub := fmt.Sprintf("%s%s.%d", path, block.Type, len(nested[block.Type]))
		p.ranges[sub] = block.DefRange()
		nested[block.Type] = append(nested[block.Type], p.free(b.l.body(block, b.context+", "+block.Type), sub+"."))
	}
	for name, items := range nested {
		out[name] = items
		if len(items) == 1 {
			out[name] = items[0]
			p.unnumber(path + name)
		}
	}
	return out
}

// unnumber renames the ranges of a block that turned out to be the only one.
func (p *pluginBody) unnumber(path string) {
	for k, r := range maps.Clone(p.ranges) {
		if rest, ok := strings.CutPrefix(k, path+".0"); ok && (rest == "" || rest[0] == '.') {
			delete(p.ranges, k)
			p.ranges[path+rest] = r
		}
	}
}

// checked takes what the schema describes and reports everything else.
func (p *pluginBody) checked(b *body, schema *wire.Schema, path string) map[string]any {
	out := map[string]any{}
	core, coreBlocks := len(b.args), len(b.blocks)
	for _, a := range schema.GetAttributes() {
		if slices.Contains(b.args[:core], a.Name) || slices.Contains(b.blocks[:coreBlocks], a.Name) {
			continue // core's own argument of that name wins
		}
		if a.Type == "object" || a.Type == "list(object)" {
			p.nested(b, a, path, out)
		} else {
			p.argument(b, a, path, out)
		}
	}
	if slices.ContainsFunc(schema.GetAttributes(), (*wire.Attribute).GetSensitive) {
		p.blankUnknown(b)
	}
	b.done()
	return out
}

// blankUnknown keeps unknown arguments out of sight: one of them may be a
// secret with a misspelt name.
func (p *pluginBody) blankUnknown(b *body) {
	for name, a := range b.syn.Attributes {
		if !slices.Contains(b.args, name) {
			p.l.blankLiteral(a.Expr)
		}
	}
}

func (p *pluginBody) nested(b *body, a *wire.Attribute, path string, out map[string]any) {
	var items []any
	for i, block := range b.takeBlocks(a.Name) {
		if i > 0 && a.Type == "object" {
			b.report(diag.DuplicateName, block.DefRange(), "duplicate block "+quote(a.Name), "There can be one.")
			break
		}
		if len(block.Labels) > 0 {
			b.report(diag.WrongLabels, block.LabelRanges[0], a.Name+" has no labels", "Write "+a.Name+" { ... }.")
		}
		sub := path + a.Name
		if a.Type != "object" {
			sub = fmt.Sprintf("%s.%d", sub, i)
		}
		p.ranges[sub] = block.DefRange()
		items = append(items, p.checked(b.l.body(block, b.context+", "+a.Name), a.Block, sub+"."))
		p.deprecated(b, a, block.TypeRange)
	}
	switch {
	case len(items) == 0:
		// An argument of that name is reported by done, with the way to write it.
		if _, written := b.syn.Attributes[a.Name]; a.Required && !written {
			b.report(diag.MissingArgument, b.header, "missing block "+quote(a.Name), a.Doc)
		}
	case a.Type == "object":
		out[a.Name] = items[0]
	default:
		out[a.Name] = items
	}
}

func (p *pluginBody) deprecated(b *body, a *wire.Attribute, rng hcl.Range) {
	if a.Deprecated != "" {
		p.l.warn(diag.Deprecated, rng, b.context, quote(a.Name)+" is deprecated", shorten(a.Deprecated, maxSyntaxText))
	}
}

func (p *pluginBody) argument(b *body, a *wire.Attribute, path string, out map[string]any) {
	syn := b.take(a.Name)
	if syn == nil {
		p.absent(b, a, out)
		return
	}
	p.locate(path+a.Name, syn.Expr)
	p.deprecated(b, a, syn.NameRange)
	v, ok := b.eval(syn)
	if a.Sensitive && (!ok || !v.ContainsMarked()) {
		p.l.blankLiteral(syn.Expr)
	}
	if !ok {
		return
	}
	if v.IsNull() {
		p.absent(b, a, out)
		return
	}
	rng := syn.Expr.Range()
	want, article := schemaType(a.Type)
	converted, err := convert.Convert(v, want)
	if err != nil || converted.IsNull() {
		b.report(diag.WrongType, rng, quote(a.Name)+" must be "+article, a.Doc)
		return
	}
	g, ok := p.plain(b, converted, rng)
	if !ok {
		return
	}
	if a.Sensitive && !v.ContainsMarked() {
		p.clear(b, g, rng)
	}
	if p.check(b, a, g, rng) {
		out[a.Name] = g
	}
}

// clear warns about a sensitive argument in clear text.
func (p *pluginBody) clear(b *body, g any, rng hcl.Range) {
	switch g := g.(type) {
	case string:
		p.l.clearSecret(rng, b.context, g)
	case []any:
		for _, item := range g {
			p.clear(b, item, rng)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(g)) {
			p.clear(b, g[key], rng)
		}
	}
}

// absent gives an argument that isn't written its default.
func (p *pluginBody) absent(b *body, a *wire.Attribute, out map[string]any) {
	switch {
	case a.Required:
		b.report(diag.MissingArgument, b.header, "missing argument "+quote(a.Name), a.Doc)
	case a.Default != "" && json.Valid([]byte(a.Default)):
		out[a.Name] = json.RawMessage(a.Default)
	}
}

// schemaType returns the type that a schema's word means.
func schemaType(word string) (t cty.Type, article string) {
	switch word {
	case "bool":
		return cty.Bool, "true or false"
	case "int":
		return cty.Number, "a whole number"
	case "float":
		return cty.Number, "a number"
	case "duration":
		return cty.String, `a duration such as "30s"`
	case "list(string)":
		return cty.List(cty.String), "a list of strings"
	case "map(string)":
		return cty.Map(cty.String), "a map of strings"
	}
	return cty.String, "a string"
}

// check compares a converted value with what the schema allows.
func (p *pluginBody) check(b *body, a *wire.Attribute, g any, rng hcl.Range) bool {
	switch g := g.(type) {
	case json.Number:
		f, err := g.Float64()
		if _, ierr := g.Int64(); a.Type == "int" && ierr != nil || err != nil {
			b.report(diag.WrongType, rng, quote(a.Name)+" must be a whole number", a.Doc)
			return false
		}
		return p.inRange(b, a, f, "", rng)
	case string:
		if a.Type == "duration" {
			d, err := time.ParseDuration(g)
			if err != nil {
				b.report(diag.InvalidValue, rng, shown(a, g)+" is not a duration", `Write it as "90s", "15m" or "168h".`)
				return false
			}
			return p.inRange(b, a, d.Seconds(), " seconds", rng)
		}
		return p.inEnum(b, a, g, rng)
	case []any:
		ok := true
		for _, item := range g {
			if s, isText := item.(string); isText && !p.inEnum(b, a, s, rng) {
				ok = false
			}
		}
		return ok
	}
	return true
}

// shown is a value as diagnostics may show it.
func shown(a *wire.Attribute, s string) string {
	if a.Sensitive {
		return "the value"
	}
	return quote(s)
}

func (p *pluginBody) inEnum(b *body, a *wire.Attribute, s string, rng hcl.Range) bool {
	if len(a.Enum) == 0 || slices.Contains(a.Enum, s) {
		return true
	}
	suggestion := diag.Suggest(s, a.Enum)
	if a.Sensitive {
		suggestion = ""
	}
	p.l.suggest(diag.Error, diag.UnknownWord, rng, b.context, "unknown "+a.Name+" "+shown(a, s),
		"It is one of "+list(a.Enum)+".", suggestion)
	return false
}

func (p *pluginBody) inRange(b *body, a *wire.Attribute, f float64, unit string, rng hcl.Range) bool {
	switch {
	case a.Min != nil && f < *a.Min:
		b.report(diag.OutOfRange, rng, quote(a.Name)+" is too small", fmt.Sprintf("At least %v%s.", *a.Min, unit))
	case a.Max != nil && f > *a.Max:
		b.report(diag.OutOfRange, rng, quote(a.Name)+" is too large", fmt.Sprintf("At most %v%s.", *a.Max, unit))
	default:
		return true
	}
	return false
}
