package config

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
)

// maxModuleDepth bounds how deep modules may stand in each other.
const maxModuleDepth = 10

// enter declares what is in a module's folder.
func (r *run) enter(m *module) *loader {
	m.things, m.headers = map[string]*thing{}, map[string]hcl.Range{}
	l := &loader{run: r, mod: m}
	l.declareBlocks("variable", "var", 1, `variable "NAME" { type = string }`, l.variable)
	l.declareLocals()
	l.declareBlocks("source", "source", 2, `source "TYPE" "NAME" { ... }`, l.declareSource)
	l.declareBlocks("sink", "sink", 2, `sink "TYPE" "NAME" { ... }`, l.declareSink)
	l.declareBlocks("lookup", "lookup", 2, `lookup "csv" "NAME" { file = "NAME.csv" }`, l.declareLookup)
	l.declareBlocks("pipeline", "pipeline", 1, `pipeline "NAME" { ... }`, l.declarePipeline)
	l.declareBlocks("module", "module", 1, `module "NAME" { source = "./FOLDER" }`, l.declareModule)
	l.declareBlocks("output", "output", 1, `output "NAME" { value = ... }`, l.output)
	l.misplaced()
	return l
}

// misplaced reports blocks that belong into the other kind of folder.
func (l *loader) misplaced() {
	blocks := l.mod.folder.blocks
	if l.mod.parent == nil {
		for _, b := range blocks["output"] {
			l.report(diag.UnknownBlock, b.TypeRange, blockContext(b), "an output outside of a module",
				"Outputs are what a module shows to the configuration around it. Nothing is around this one.")
		}
		return
	}
	for _, kind := range []string{"patchbay", "receiver", "admin", "journal"} {
		for _, b := range blocks[kind] {
			l.report(diag.UnknownBlock, b.TypeRange, l.where(b), kind+" in a module",
				"There is one for the whole configuration. Write it beside the module's block, not in the module's folder.")
		}
	}
	for _, b := range blocks["test"] {
		l.report(diag.UnknownBlock, b.TypeRange, l.where(b), "a test in a module", "Write it beside the module's block: it tests what the module becomes there.")
	}
	for _, t := range l.mod.of("var") {
		if name := t.block.Labels[0]; name == "source" || name == "for_each" {
			l.report(diag.WrongLabels, t.block.LabelRanges[0], l.where(t.block), "a module's variable can't have the name "+quote(name),
				"It is an argument of every module block.")
		}
	}
}

// declareBlocks declares the blocks of a type as things.
func (l *loader) declareBlocks(typ, kind string, labels int, example string, eval func(*thing) cty.Value) {
	for _, b := range l.mod.folder.blocks[typ] {
		if !l.name(b, labels, example) {
			continue
		}
		name := kind + "." + strings.Join(b.Labels, ".")
		if l.unique(name, b) {
			l.declare(&thing{name: name, block: b, rng: b.DefRange(), eval: eval})
		}
	}
}

// declareLocals declares what the locals blocks name.
func (l *loader) declareLocals() {
	for _, b := range l.mod.folder.blocks["locals"] {
		if len(b.Labels) > 0 {
			l.report(diag.WrongLabels, b.LabelRanges[0], l.where(b), "locals has no labels", "Write locals { NAME = VALUE }.")
		}
		for _, nested := range b.Body.Blocks {
			l.report(diag.UnknownBlock, nested.TypeRange, l.where(b), "unknown block "+quote(nested.Type), "In locals there are only values: NAME = VALUE.")
		}
		attrs := slices.SortedFunc(maps.Values(b.Body.Attributes), func(a, b *hclsyntax.Attribute) int {
			return cmp.Compare(a.NameRange.Start.Byte, b.NameRange.Start.Byte)
		})
		for _, a := range attrs {
			name := "local." + a.Name
			if first, ok := l.mod.headers[name]; ok {
				l.report(diag.DuplicateName, a.NameRange, l.where(b), "duplicate "+name,
					"The first is on "+first.Filename+" line "+itoa(first.Start.Line)+". Give one of them another name.")
				continue
			}
			l.mod.headers[name] = a.NameRange
			context := l.mod.context + "local " + quote(a.Name)
			l.declare(&thing{name: name, attr: a, rng: a.NameRange, eval: func(t *thing) cty.Value {
				v, _ := l.evalAny(t.attr.Expr, context)
				return v
			}})
		}
	}
}

// declareModule makes the instances of a module that a block stands for.
func (l *loader) declareModule(t *thing) cty.Value {
	f := l.moduleFolder(t)
	if f == nil {
		return cty.DynamicVal
	}
	return l.expand(t, func(in instance) any { return l.instantiate(t, f, in) }, func(any) cty.Value { return cty.EmptyObjectVal })
}

// moduleFolder reads the folder that a module block names; nil means that what
// is wrong has been reported.
func (l *loader) moduleFolder(t *thing) *folder {
	const usage = `Write source = "./FOLDER", a folder within the configuration's.`
	context := l.where(t.block)
	wrong := func(rng hcl.Range, summary, detail string) *folder {
		l.report(diag.BadModule, rng, context, summary, detail)
		return nil
	}
	a := t.block.Body.Attributes["source"]
	if a == nil {
		l.report(diag.MissingArgument, t.rng, context, `missing argument "source"`, usage)
		return nil
	}
	rng := a.Expr.Range()
	text, ok := a.Expr.(*hclsyntax.TemplateExpr)
	if !ok || !text.IsStringLiteral() {
		return wrong(rng, "the source of a module must be written out", usage)
	}
	v, _ := text.Value(nil) // a literal has a value
	name := v.AsString()
	if !strings.HasPrefix(name, "./") && !strings.HasPrefix(name, "../") {
		return wrong(rng, quote(name)+" is not a folder of this configuration", usage)
	}
	dir, ok := l.inside(name)
	if !ok {
		return wrong(rng, "the module lies outside of the configuration", usage)
	}
	depth := 0
	for m := l.mod; m != nil; m = m.parent {
		depth++
		if filepath.Clean(m.folder.dir) == dir || dir == "." {
			return wrong(rng, "the module contains itself", "Its folder is that of a block around it.")
		}
	}
	if depth > maxModuleDepth {
		return wrong(rng, "modules are nested too deeply", "They may be nested "+itoa(maxModuleDepth)+" deep.")
	}
	if l.root != nil {
		if info, err := l.root.Stat(dir); err != nil {
			return wrong(rng, "can't read the module's folder", cause(err))
		} else if !info.IsDir() {
			return wrong(rng, "the source of a module is not a folder", usage)
		}
	}
	return l.readFolder(dir)
}

// instantiate makes one instance of a module.
func (l *loader) instantiate(t *thing, f *folder, in instance) *loader {
	b := in.open(t.block)
	b.take("source")
	m := &module{folder: f, parent: l.mod, address: l.mod.address + t.name + in.suffix() + ".", context: b.context + ", ", call: b, args: map[string]*argument{}}
	m.names = append(slices.Clone(l.mod.names), t.block.Labels[0])
	if in.key != "" {
		m.names = append(m.names, in.key)
	}
	out := l.enter(m)
	for _, name := range m.nouns("var") {
		if a := b.take(name); a != nil {
			m.args[name] = &argument{a, in.l, b.context}
		}
	}
	b.done()
	if t.block.Body.Attributes["for_each"] == nil {
		l.count(1, t.rng, b.context)
	}
	return out
}

// unfold makes the instances of all modules, and of all blocks in them. It
// returns the scopes: this one, and those of its modules in order.
func (l *loader) unfold() []*loader {
	out := []*loader{l}
	for _, t := range l.mod.order {
		if t.block == nil || t.block.Type == "variable" || t.block.Type == "output" {
			continue
		}
		l.evaluate(t, t.rng, l.where(t.block))
		if t.block.Type != "module" || l.made > maxInstances {
			continue
		}
		for _, in := range t.instances {
			out = append(out, in.made.(*loader).unfold()...)
		}
	}
	return out
}

// output evaluates what a module shows to the configuration around it.
func (l *loader) output(t *thing) cty.Value {
	b := l.body(t.block, l.where(t.block))
	b.text("description", "")
	sensitive := b.flag("sensitive")
	a := b.require("value", "Write what the module shows, for instance value = source.TYPE.NAME.")
	b.done()
	if a == nil {
		return cty.DynamicVal
	}
	v, ok := l.evalAny(a.Expr, b.context)
	rng := a.Expr.Range()
	switch {
	case !ok:
		return cty.DynamicVal
	case v.ContainsMarked() && !sensitive:
		b.report(diag.SecretMisused, rng, "a secret as an output that is not sensitive", "Add sensitive = true.")
		return cty.DynamicVal
	case !sensitive || v.ContainsMarked() || v.IsNull():
		return v
	case v.Type() != cty.String:
		b.report(diag.WrongType, rng, "a sensitive output must be a string", "Only text can be kept out of sight.")
		return cty.DynamicVal
	}
	l.blankLiteral(a.Expr)
	l.clearSecret(rng, b.context, v.AsString())
	return l.hide(v.AsString())
}

// mentionModule is mention for module.
func (l *loader) mentionModule(t hcl.Traversal, context string, all tree) bool {
	wrong := func(summary, detail, meant string) bool {
		l.suggest(diag.Error, diag.UnknownReference, t.SourceRange(), context, summary, detail, meant)
		return false
	}
	path := stepNames(t, len(t))
	if len(path) < 2 {
		return wrong("module needs a name", "Write module.NAME.OUTPUT.", "")
	}
	target := l.mod.things["module."+path[1]]
	if target == nil {
		return wrong("unknown module "+quote(path[1]), `Declare it with a block: module "NAME" { source = "./FOLDER" }.`, diag.Suggest(path[1], l.mod.nouns("module")))
	}
	if v := l.evaluate(target, t.SourceRange(), context); !v.IsKnown() {
		all.put(path[:2], cty.DynamicVal)
		return true
	}
	found := false
	keys := map[string]bool{}
	for _, in := range target.instances {
		at, rest := path[:2:2], path[2:]
		if in.key != "" {
			keys[in.key] = true
			if len(rest) > 0 && rest[0] != in.key {
				continue
			}
			at, rest = append(at, in.key), rest[min(1, len(rest)):]
		}
		found = true
		if !in.made.(*loader).outputs(at, rest, t.SourceRange(), context, all) {
			return false
		}
	}
	switch {
	case found:
		return true
	case len(path) > 2:
		return wrong("unknown module "+quote(path[1]+"."+path[2]), "The for_each of module."+path[1]+" has no such key.",
			diag.Suggest(path[2], slices.Sorted(maps.Keys(keys))))
	}
	all.put(path[:2], cty.EmptyObjectVal)
	return true
}

// outputs puts a module's outputs into all: the one that is named first in
// path, or all of them.
func (l *loader) outputs(at, path []string, rng hcl.Range, context string, all tree) bool {
	if len(path) > 0 {
		target := l.mod.things["output."+path[0]]
		if target == nil {
			l.suggest(diag.Error, diag.UnknownReference, rng, context, "unknown output "+quote(path[0]),
				l.whatIsShown(), diag.Suggest(path[0], l.mod.nouns("output")))
			return false
		}
		all.put(append(at, path[0]), l.evaluate(target, rng, context))
		return true
	}
	if len(l.mod.of("output")) == 0 {
		all.put(at, cty.EmptyObjectVal)
	}
	for _, t := range l.mod.of("output") {
		all.put(append(slices.Clone(at), strings.TrimPrefix(t.name, "output.")), l.evaluate(t, rng, context))
	}
	return true
}

func (l *loader) whatIsShown() string {
	names := l.mod.nouns("output")
	if len(names) == 0 {
		return "The module has no outputs."
	}
	return "The module shows " + list(names) + "."
}
