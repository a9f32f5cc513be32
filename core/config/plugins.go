package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/release"
)

// Plugin is a plugin that patchbay { plugins { … } } asks for.
type Plugin struct {
	Name    string // of its program, patchbay-plugin-NAME
	Source  string // its address: HOST/NAME or HOST/NAMESPACE/NAME
	Version string // constraint, empty for any
	Range   hcl.Range

	allowed constraint
}

// Allows reports whether a version, "1.0.3", satisfies the constraint.
func (p *Plugin) Allows(version string) bool { return p.allowed.allows(version) }

// Fault is why the plugin that serves a type, or that the configuration asks
// for, can't be used.
type Fault struct {
	Plugin  string // it is reported once a plugin
	Code    diag.Code
	Summary string
	Detail  string
}

// Faults is implemented by Types that know of plugins that are there and can't
// be used, or should be there and aren't.
type Faults interface {
	// TypeFault is what is wrong with the plugin that serves a type.
	TypeFault(kind, name string) (Fault, bool)
	// PluginFault is what is wrong with a plugin by its name.
	PluginFault(name string) (Fault, bool)
}

// Reserved lists what core itself reads in a block of kind "source" or "sink",
// so that no plugin can have an argument of that name.
func Reserved(kind string) []string {
	if kind == "source" {
		return []string{"for_each", "path", "public_url", "on_auth_failure", "max_body", "max_rate", "allow", "client_certificate"}
	}
	return []string{"for_each", "batch"}
}

// plugins reads what the configuration asks for, and then asks Options.Plugins
// for what there is.
func (l *loader) plugins(b *body) {
	for i, block := range b.takeBlocks("plugins") {
		if i > 0 {
			b.report(diag.DuplicateName, block.DefRange(), `duplicate block "plugins"`, "There can be one.")
			continue
		}
		n := l.body(block, b.context+", plugins")
		if len(block.Labels) > 0 {
			n.report(diag.WrongLabels, block.LabelRanges[0], "plugins has no labels", "Write plugins { ... }.")
		}
		for _, name := range slices.Sorted(maps.Keys(block.Body.Attributes)) {
			if p, ok := l.plugin(n, n.take(name)); ok {
				l.cfg.Plugins = append(l.cfg.Plugins, p)
			}
		}
		n.done()
	}
	slices.SortFunc(l.cfg.Plugins, func(a, b *Plugin) int { return cmp.Compare(a.Name, b.Name) })
	if l.opts.Plugins != nil {
		l.opts.Types = l.opts.Plugins(l.cfg.Plugins)
	}
	if f, ok := l.opts.Types.(Faults); ok {
		for _, p := range l.cfg.Plugins {
			if fault, bad := f.PluginFault(p.Name); bad {
				l.fault(fault, p.Range, "patchbay, plugins")
			}
		}
	}
}

// fault reports what is wrong with a plugin, at the first place that needs it.
func (l *loader) fault(f Fault, rng hcl.Range, context string) {
	key := string(f.Code) + f.Plugin + f.Summary
	if l.faulty[key] {
		return
	}
	if l.faulty == nil {
		l.faulty = map[string]bool{}
	}
	l.faulty[key] = true
	l.report(f.Code, rng, context, shorten(f.Summary, maxSyntaxText), f.Detail)
}

// typeFault reports what is wrong with the plugin of a block's type, if
// something is.
func (l *loader) typeFault(kind string, b *hclsyntax.Block, context string) bool {
	faults, ok := l.opts.Types.(Faults)
	if !ok {
		return false
	}
	f, bad := faults.TypeFault(kind, b.Labels[0])
	if bad {
		l.fault(f, b.LabelRanges[0], context)
	}
	return bad
}

const pluginExample = `Write it as %s = { source = "acme.example/%s", version = "~> 1.0" }.`

// plugin reads one entry.
func (l *loader) plugin(b *body, a *hclsyntax.Attribute) (*Plugin, bool) {
	p := &Plugin{Name: a.Name, Range: a.NameRange}
	example := fmt.Sprintf(pluginExample, shorten(a.Name, 80), shorten(a.Name, 80))
	object, ok := a.Expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		b.report(diag.WrongType, a.Expr.Range(), quote(a.Name)+" must say where the plugin comes from", example)
		return nil, false
	}
	seen := map[string]bool{}
	for _, item := range object.Items {
		key := hcl.ExprAsKeyword(item.KeyExpr)
		rng := item.ValueExpr.Range()
		if seen[key] {
			b.report(diag.DuplicateName, item.KeyExpr.Range(), "duplicate "+quote(key), "There can be one.")
			continue
		}
		seen[key] = true
		switch key {
		case "source":
			p.Source, ok = l.pluginText(b, key, item.ValueExpr)
			if ok && !release.ValidAddress(p.Source) {
				ok = false
				b.report(diag.InvalidValue, rng, quote(p.Source)+" is not the address of a plugin",
					"It is HOST/NAME or HOST/NAMESPACE/NAME in lower case. "+example)
			}
			if !ok {
				return nil, false
			}
			if last := p.Source[strings.LastIndexByte(p.Source, '/')+1:]; last != a.Name {
				b.report(diag.InvalidValue, a.NameRange, quote(a.Name)+" is not the name in "+quote(p.Source),
					"An address ends in the plugin's name. Write "+last+" = ... instead.")
				return nil, false
			}
		case "version":
			if p.Version, ok = l.pluginText(b, key, item.ValueExpr); !ok {
				return nil, false
			}
			if p.allowed, ok = parseConstraint(p.Version); !ok {
				b.report(diag.InvalidValue, rng, quote(p.Version)+" is not a version constraint", `Write it as "~> 1.0" or ">= 1.0.2, < 2.0".`)
				return nil, false
			}
		default:
			b.l.suggest(diag.Error, diag.UnknownArgument, item.KeyExpr.Range(), b.context, "unknown argument "+quote(key),
				"A plugin has source and version.", diag.Suggest(key, []string{"source", "version"}))
		}
	}
	if p.Source == "" {
		b.report(diag.MissingArgument, a.NameRange, `missing argument "source"`, example)
		return nil, false
	}
	return p, true
}

func (l *loader) pluginText(b *body, name string, e hclsyntax.Expression) (string, bool) {
	v, ok := l.eval(e, b.context)
	if !ok {
		return "", false
	}
	if v.IsMarked() || v.IsNull() || v.Type() != cty.String {
		b.report(diag.WrongType, e.Range(), quote(name)+" must be a string", "")
		return "", false
	}
	return v.AsString(), true
}
