package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
)

// tree is an object under construction: names lead to values or trees.
type tree map[string]any

// put adds a value. It changes nothing where a value with all parts is.
func (t tree) put(path []string, v cty.Value) {
	for _, step := range path[:len(path)-1] {
		if t[step] == nil {
			t[step] = tree{}
		}
		next, ok := t[step].(tree)
		if !ok {
			return
		}
		t = next
	}
	t[path[len(path)-1]] = v
}

// values are the values of all names.
func (t tree) values() map[string]cty.Value {
	out := map[string]cty.Value{}
	for name, v := range t {
		switch v := v.(type) {
		case cty.Value:
			out[name] = v
		case tree:
			out[name] = cty.ObjectVal(v.values())
		}
	}
	return out
}

// stepName returns the name of a step .name or ["name"].
func stepName(s hcl.Traverser) (string, bool) {
	switch s := s.(type) {
	case hcl.TraverseAttr:
		return s.Name, true
	case hcl.TraverseIndex:
		if s.Key.Type() == cty.String && s.Key.IsKnown() && !s.Key.IsNull() {
			return s.Key.AsString(), true
		}
	}
	return "", false
}

// stepNames returns the names of a traversal's first steps, at most n.
func stepNames(t hcl.Traversal, n int) []string {
	out := []string{t.RootName()}
	for _, s := range t[1:] {
		name, ok := stepName(s)
		if !ok || len(out) == n {
			break
		}
		out = append(out, name)
	}
	return out
}

// isKind reports whether a root name begins a reference to a block.
func isKind(root string) bool {
	return slices.Contains([]string{"source", "sink", "lookup", "pipeline"}, root)
}

// gather evaluates what an expression mentions, and returns its roots. False
// means that a mention is wrong, which has been reported.
func (l *loader) gather(e hclsyntax.Expression, context string) (map[string]cty.Value, bool) {
	all := tree{}
	ok := true
	for _, t := range e.Variables() {
		ok = l.mention(t, context, all) && ok
	}
	return all.values(), ok
}

// gatherStatic is gather for an event expression: what only the compiler of
// those knows is left to it, and what is wrong stands for an unknown value.
func (l *loader) gatherStatic(e hclsyntax.Expression, context string, all tree) {
	for _, t := range e.Variables() {
		root := t.RootName()
		_, own := l.names[root]
		switch {
		case !own && !slices.Contains([]string{"var", "local", "each", "module"}, root):
		case len(t) == 1 && all[root] == nil:
			all[root] = tree{}
		case len(t) > 1 && !l.mention(t, context, all):
			if path := stepNames(t, 2); len(path) == 2 {
				all.put(path, cty.DynamicVal)
			}
		}
	}
}

// mention evaluates what a traversal leads to and puts it into all.
func (l *loader) mention(t hcl.Traversal, context string, all tree) bool {
	root := t.RootName()
	if v, ok := l.names[root]; ok {
		all[root] = v
		return true
	}
	switch {
	case l.mod == nil && (slices.Contains([]string{"var", "local", "each", "module"}, root) || isKind(root)):
		l.report(diag.UnknownReference, t.SourceRange(), context, "a reference where nothing is known yet",
			"Defaults of variables and files of their values can't depend on other values.")
	case root == "var" || root == "local":
		return l.mentionValue(t, context, all)
	case isKind(root):
		return l.mentionBlock(t, context, all)
	case root == "module":
		return l.mentionModule(t, context, all)
	case root == "event" || root == "found":
		l.report(diag.UnknownReference, t.SourceRange(), context, root+" is not known here",
			"This argument is evaluated once, when the configuration is loaded. Only the expressions of stages see events.")
	case root == "each":
		l.report(diag.UnknownReference, t.SourceRange(), context, "each is not known here",
			"each.key and each.value exist in blocks that have a for_each.")
	default:
		l.suggest(diag.Error, diag.UnknownReference, t.SourceRange(), context, "unknown name "+quote(root),
			"Text is written in quotes; variables as var.NAME, locals as local.NAME.",
			diag.Suggest(root, []string{"var", "local", "module", "source", "sink", "lookup", "pipeline"}))
	}
	return false
}

// mentionValue is mention for var and local.
func (l *loader) mentionValue(t hcl.Traversal, context string, all tree) bool {
	path := stepNames(t, 2)
	root := path[0]
	if len(path) < 2 {
		l.report(diag.UnknownReference, t.SourceRange(), context, root+" needs a name", "Write "+root+".NAME.")
		return false
	}
	name := path[1]
	target := l.mod.things[root+"."+name]
	if target == nil {
		what, declare := "variable", fmt.Sprintf("variable %q { }", shorten(name, 80))
		if root == "local" {
			what, declare = "local", "locals { "+shorten(name, 80)+" = ... }"
		}
		near := diag.Suggest(name, l.mod.nouns(root))
		l.forgive(root + "." + near)
		l.suggest(diag.Error, diag.UnknownReference, t.SourceRange(), context, "unknown "+what+" "+quote(name),
			"Declare it with a block: "+declare+".", near)
		return false
	}
	target.mentioned = true
	all.put(path, l.evaluate(target, t.SourceRange(), context))
	return true
}

// forgive marks as mentioned what was probably meant: one mistake, one message.
func (l *loader) forgive(name string) {
	if t := l.mod.things[name]; t != nil {
		t.mentioned = true
	}
}

// mentionBlock is mention for source, sink, lookup and pipeline.
func (l *loader) mentionBlock(t hcl.Traversal, context string, all tree) bool {
	kind := t.RootName()
	need, shape := 3, kind+".TYPE.NAME"
	if kind == "pipeline" {
		need, shape = 2, "pipeline.NAME"
	}
	path := stepNames(t, len(t))
	wrong := func(summary, detail, meant string) bool {
		l.used[l.mod.address+meant] = true
		l.suggest(diag.Error, diag.UnknownReference, t.SourceRange(), context, summary, detail, meant)
		return false
	}
	if len(path) < need {
		return wrong("not a reference to a "+kind, "Write "+shape+", without quotes.",
			diag.Suggest(strings.Join(path, "."), l.references(kind)))
	}
	address := strings.Join(path[1:need], ".")
	target := l.mod.things[kind+"."+address]
	if target == nil {
		return wrong(fmt.Sprintf("unknown %s %q", kind, address), l.whatIsMissing(kind, path), diag.Suggest(kind+"."+address, l.references(kind)))
	}
	v := l.evaluate(target, t.SourceRange(), context)
	all.put(path[:need], v)
	rest := t[need:]
	if target.repeated {
		if len(path) > need && v.Type().IsObjectType() && !v.Type().HasAttribute(path[need]) {
			full := kind + "." + address + "." + path[need]
			return wrong(fmt.Sprintf("unknown %s %q", kind, address+"."+path[need]),
				"The for_each of "+kind+"."+address+" has no such key.", diag.Suggest(full, l.references(kind)))
		}
		rest = t[min(need+1, len(t)):]
	}
	if len(rest) > 0 && v.IsKnown() {
		return wrong("not a reference to a "+kind, "It ends with the name: what is in a "+kind+" can't be read.", strings.Join(path[:len(t)-len(rest)], "."))
	}
	return true
}

func (l *loader) whatIsMissing(kind string, path []string) string {
	if l.mod.parent != nil {
		return "A module knows its own blocks. Those around it are passed in through a variable of type " + kind + "."
	}
	if kind != "pipeline" {
		for _, n := range l.mod.nouns(kind) {
			if strings.HasPrefix(n, path[1]+".") {
				return fmt.Sprintf("No %s of type %q has the name %q.", kind, path[1], path[2])
			}
		}
		return fmt.Sprintf("No %s of type %q is configured.", kind, path[1])
	}
	return fmt.Sprintf("No pipeline has the name %q.", path[1])
}

// references lists the references to blocks of a kind that the module knows.
func (l *loader) references(kind string) []string {
	var out []string
	for _, t := range l.mod.of(kind) {
		out = append(out, t.name)
		for _, in := range t.instances {
			if in.key != "" {
				out = append(out, t.name+"."+in.key)
			}
		}
	}
	return out
}
