package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
)

// loader reads blocks in one scope: those of a module, the configuration's own
// folder being the outermost, and the names that only one block knows: each,
// and the iterators of dynamic blocks. What all scopes share is in run.
type loader struct {
	*run
	mod   *module
	names map[string]cty.Value // each and iterators
	notes string               // ` (each.key "north")`, for diagnostics
}

// with returns a loader that knows one name more: an object of key and value.
func (l *loader) with(name string, key, value cty.Value) *loader {
	out := *l
	out.names = maps.Clone(l.names)
	if out.names == nil {
		out.names = map[string]cty.Value{}
	}
	out.names[name] = cty.ObjectVal(map[string]cty.Value{"key": key, "value": value})
	out.notes += note(name, keyText(key))
	return &out
}

func note(name, key string) string { return " (" + name + ".key " + quote(key) + ")" }

// where names a block at the top level of a file, as diagnostics do.
func (l *loader) where(b *hclsyntax.Block) string { return l.mod.context + blockContext(b) + l.notes }

// module is one instance of a folder of blocks.
type module struct {
	folder  *folder
	parent  *module  // nil: the configuration's own folder
	names   []string // of the modules around it and its own, with their keys
	address string   // in front of what is in it: "module.eu."
	context string   // in front of what is in it, for diagnostics: `module "eu", `

	call    *body                // the module's block
	args    map[string]*argument // what it says, by variable
	things  map[string]*thing    // by the name that expressions use: "local.a"
	order   []*thing             // in the order of files and text
	headers map[string]hcl.Range
}

// thing is what expressions can name. It is evaluated when it is first
// mentioned, and once.
type thing struct {
	name  string // "sink.kafka.stream"
	mod   *module
	block *hclsyntax.Block
	attr  *hclsyntax.Attribute // of a local, instead of block
	rng   hcl.Range            // where it is declared

	eval      func(*thing) cty.Value
	state     state
	value     cty.Value
	mentioned bool

	instances []instance // of a source, sink, lookup, pipeline or module
	repeated  bool       // by for_each, so that value is an object by key

	variable *variable
	written  []hcl.Range // where a secret variable's value is written in clear
}

// state says how far the evaluation of a thing has come.
type state int

const (
	untouched state = iota
	busy
	done
)

// full is the thing's name as seen from the outermost folder.
func (t *thing) full() string { return t.mod.address + t.name }

// maxChain bounds how deep names may lead to each other: evaluation recurses.
const maxChain = 500

// evaluate returns a thing's value. rng and context are those of the mention
// that asks. What can't be evaluated has been reported and is unknown.
func (r *run) evaluate(t *thing, rng hcl.Range, context string) cty.Value {
	switch {
	case t.state == done:
		return t.value
	case t.state == busy:
		r.cycle(t, rng, context)
		return cty.DynamicVal
	case len(r.chain) >= maxChain && r.tooDeep:
		return cty.DynamicVal
	case len(r.chain) >= maxChain:
		r.tooDeep = true // said once: what comes after it has the same cause
		r.report(diag.TooDeep, rng, context, "names refer to each other too deeply",
			"From the first to the last of them there may be "+itoa(maxChain)+" steps.")
		return cty.DynamicVal
	}
	t.state = busy
	r.chain = append(r.chain, t)
	r.evaluations++
	v := t.eval(t)
	r.chain = r.chain[:len(r.chain)-1]
	t.state, t.value = done, v
	return v
}

// maxShown bounds how many names of a cycle are listed.
const maxShown = 8

// cycle reports a thing that needs itself.
func (r *run) cycle(t *thing, rng hcl.Range, context string) {
	at := slices.Index(r.chain, t)
	var names []string
	for _, c := range r.chain[at:] {
		names = append(names, c.full())
	}
	names = append(names, t.full())
	if len(names) > maxShown {
		names = append(append(names[:maxShown/2:maxShown/2], "..."), names[len(names)-maxShown/2:]...)
	}
	r.report(diag.Cycle, rng, context, t.full()+" refers to itself",
		strings.Join(names, " -> ")+". Write one of them without the others.")
}

// declare adds a thing to a module.
func (l *loader) declare(t *thing) {
	t.mod = l.mod
	l.mod.things[t.name] = t
	l.mod.order = append(l.mod.order, t)
}

// of returns the things of a kind in the order of files and text.
func (m *module) of(kind string) []*thing {
	var out []*thing
	for _, t := range m.order {
		if strings.HasPrefix(t.name, kind+".") {
			out = append(out, t)
		}
	}
	return out
}

// nouns returns the names of a module's things of a kind, without the kind.
func (m *module) nouns(kind string) []string {
	var out []string
	for _, t := range m.of(kind) {
		out = append(out, strings.TrimPrefix(t.name, kind+"."))
	}
	slices.SortFunc(out, cmp.Compare[string])
	return out
}
