package catalog

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/lockfile"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/core/release"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"github.com/rs/zerolog"
)

// Prefix starts the file name of every plugin.
const Prefix = release.Prefix

// Options say where plugins may be and which may be run. The zero value knows no
// plugins.
type Options struct {
	// Dirs are searched in this order, for programs on their own. Those in Mirrors
	// are searched for releases as well.
	Dirs    []string
	Mirrors []string
	// Bundled is the folder of patchbay itself, searched last.
	Bundled string
	// Lock pins programs; nil pins nothing.
	Lock *lockfile.File
	// New has plugins that the lock doesn't name chosen as if there were no lock:
	// for whoever is about to pin them.
	New bool
	// Needs is what the configuration asks for.
	Needs []*config.Plugin
	// Overrides are paths of programs by plugin name.
	Overrides map[string]string
	// CacheDir remembers what programs serve; empty remembers nothing.
	CacheDir string
	Log      zerolog.Logger
	// Now tells the time. Nil means time.Now.
	Now func() time.Time
}

// Plugin is what is known under one name.
type Plugin struct {
	release.Program // its Path is empty if there is none that may be run
	SHA256          string
	Bundled         bool // beside patchbay itself
	Override        bool
	Pinned          bool // by the lock file, with this hash
	// Desc is what it says about itself; nil if it wasn't or couldn't be asked.
	Desc *wire.DescribeResponse
	// Fault is why it can't be used.
	Fault *config.Fault

	pin *pluginhost.Pin
}

// Catalog is what was found.
type Catalog struct {
	plugins []*Plugin
	types   map[string]entry // by "source.twilio"
	promise map[string]*Plugin
}

// entry is a type, or why it can't be used.
type entry struct {
	plugin *Plugin
	info   *wire.TypeInfo
	fault  *config.Fault
}

// Open looks for plugins and asks them what they serve.
func Open(ctx context.Context, o Options) *Catalog {
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &finder{o: o, cache: &cache{dir: o.CacheDir, now: o.Now}, found: map[string][]candidate{}}
	f.search()
	c := &Catalog{types: map[string]entry{}, promise: map[string]*Plugin{}}
	c.plugins = f.choose(ctx)
	for _, p := range c.plugins {
		c.index(p)
		pinned := o.Lock.Find(p.Name)
		if p.Fault == nil {
			continue
		}
		if pinned == nil && !slices.ContainsFunc(o.Needs, func(n *config.Plugin) bool { return n.Name == p.Name }) {
			o.Log.Warn().Str("plugin", p.Name).Str("code", string(p.Fault.Code)).Str("detail", p.Fault.Detail).Msg(p.Fault.Summary)
		}
		if pinned != nil {
			for _, t := range pinned.Types {
				c.promise[t] = p
			}
		}
	}
	return c
}

// index adds a plugin's types.
func (c *Catalog) index(p *Plugin) {
	if p.Fault != nil {
		return
	}
	for _, t := range p.Desc.GetTypes() {
		kind := kindName(t.GetKind())
		if kind == "" {
			continue // of a newer protocol; core has no place for it
		}
		key := kind + "." + t.GetName()
		e := entry{plugin: p, info: t}
		if err := checkType(kind, t); err != nil {
			e.fault = &config.Fault{
				Plugin: p.Name, Code: diag.PluginSchema, Summary: "plugin " + p.Name + " describes its " + kind + " " + quote(t.GetName()) + " wrongly",
				Detail: upper(err.Error()) + ". Its author has to mend it.",
			}
		}
		old, twice := c.types[key]
		switch {
		case !twice || p.rank() > old.plugin.rank():
			c.types[key] = e
		case p.rank() == old.plugin.rank():
			e.fault = ambiguous(kind, t.GetName(), old.plugin, p)
			c.types[key] = e
		}
	}
}

// rank decides between two plugins that serve the same type.
func (p *Plugin) rank() int {
	switch {
	case p.Override:
		return 3
	case p.Pinned:
		return 2
	case p.Bundled:
		return 0
	}
	return 1
}

func ambiguous(kind, name string, a, b *Plugin) *config.Fault {
	if a == b {
		return &config.Fault{
			Plugin: a.Name, Code: diag.PluginSchema, Summary: "plugin " + a.Name + " describes its " + kind + " " + quote(name) + " twice",
			Detail: "Its author has to mend it.",
		}
	}
	return &config.Fault{
		Plugin: a.Name, Code: diag.PluginAmbiguous, Summary: "two plugins serve the " + kind + " " + quote(name) + ": " + a.Name + " and " + b.Name,
		Detail: a.Path + " and " + b.Path + ". Remove one, or pin one with patchbay plugin lock.",
	}
}

func kindName(k wire.TypeInfo_Kind) string {
	switch k {
	case wire.TypeInfo_KIND_SOURCE:
		return "source"
	case wire.TypeInfo_KIND_SINK:
		return "sink"
	}
	return ""
}

// Plugins lists what was found, by name.
func (c *Catalog) Plugins() []*Plugin { return slices.Clone(c.plugins) }

// Find returns the plugin of a name, nil if there is none.
func (c *Catalog) Find(name string) *Plugin {
	i := slices.IndexFunc(c.plugins, func(p *Plugin) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return c.plugins[i]
}

// Lookup implements config.Types.
func (c *Catalog) Lookup(kind, name string) (*wire.TypeInfo, bool) {
	e, ok := c.types[kind+"."+name]
	return e.info, ok && e.fault == nil
}

// Names implements config.Types.
func (c *Catalog) Names(kind string) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(c.types)) {
		if name, ok := strings.CutPrefix(key, kind+"."); ok && c.types[key].fault == nil {
			out = append(out, name)
		}
	}
	return out
}

// TypeFault implements config.Faults. A plugin that can't be asked is known to
// serve what the lock file says, and is suspected of a type of its own name.
func (c *Catalog) TypeFault(kind, name string) (config.Fault, bool) {
	if e, ok := c.types[kind+"."+name]; ok && e.fault != nil {
		return *e.fault, true
	}
	if p := c.promise[kind+"."+name]; p != nil {
		return *p.Fault, true
	}
	return c.PluginFault(name)
}

// PluginFault implements config.Faults.
func (c *Catalog) PluginFault(name string) (config.Fault, bool) {
	if p := c.Find(name); p != nil && p.Fault != nil {
		return *p.Fault, true
	}
	return config.Fault{}, false
}

// Warnings are what must be said whatever the configuration uses.
func (c *Catalog) Warnings() diag.List {
	var out diag.List
	for _, p := range c.plugins {
		if p.Override {
			out = append(out, diag.Diagnostic{
				Severity: diag.Warning, Code: diag.PluginOverride, Summary: "plugin " + p.Name + " is overridden by " + p.Path,
				Detail: "It is not held against the lock file. This is for development.",
			})
		}
	}
	return out
}

// Serving returns the plugin that serves a type.
func (c *Catalog) Serving(kind, name string) (*Plugin, bool) {
	e, ok := c.types[kind+"."+name]
	return e.plugin, ok && e.fault == nil
}

// Launch says in spec how to start the plugin that serves a type: a pinned one
// from its pinned bytes. False means that there is none.
func (c *Catalog) Launch(kind, name string, spec *pluginhost.Spec) bool {
	p, ok := c.Serving(kind, name)
	if ok {
		p.launch(spec)
	}
	return ok
}

func (p *Plugin) launch(spec *pluginhost.Spec) { spec.Path, spec.Pin = p.Path, p.pin }

// Served lists what the plugin serves and core can use, by "source.twilio".
func (p *Plugin) Served() map[string]*wire.TypeInfo {
	out := map[string]*wire.TypeInfo{}
	for _, t := range p.Desc.GetTypes() {
		if kind := kindName(t.GetKind()); kind != "" && argumentPattern.MatchString(t.GetName()) {
			out[kind+"."+t.GetName()] = t
		}
	}
	return out
}

// Types lists the keys of Served in order.
func (p *Plugin) Types() []string { return slices.Sorted(maps.Keys(p.Served())) }
