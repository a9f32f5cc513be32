package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/lockfile"
	"github.com/patchbay-io/patchbay/core/release"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

func (a *app) pluginLockCommand() *cobra.Command {
	var s setup
	var check bool
	var replace []string
	cmd := &cobra.Command{
		Use:   "lock [DIR]",
		Short: "Pin the plugins that a configuration uses",
		Long: `Lock writes .patchbay.lock.hcl in the configuration's directory: for each plugin
that the configuration uses, bundled ones included, its address, version and the
SHA-256 of its program. From then on nothing else runs under those names. Keep the
file under version control.

A program that is pinned already is not pinned anew just because it has changed:
that is what a lock is against. Say --replace NAME if you changed it yourself.`,
		Example: `  patchbay plugin lock
  patchbay plugin lock --check
  patchbay plugin lock /etc/patchbay --replace acme`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.pluginLock(cmd.Context(), dirArg(args), &s, replace, check)
		},
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&check, "check", false, "change nothing; exit with 4 if the lock file would change")
	cmd.Flags().StringArrayVar(&replace, "replace", nil, "NAME of a plugin whose new program is trusted; may be repeated")
	return cmd
}

// lockReport is what plugin lock answers.
type lockReport struct {
	Changes []lockfile.Change `json:"changes"`
	Written bool              `json:"written"`
}

func (a *app) pluginLock(ctx context.Context, dir string, s *setup, replace []string, check bool) error {
	l, err := a.wanted(ctx, dir, s, replace)
	if err != nil {
		return err
	}
	report := lockReport{Changes: append([]lockfile.Change{}, lockfile.Diff(l.old, l.want)...)}
	if check && len(report.Changes) > 0 {
		if !a.json {
			_ = a.lockText(report.Changes)
		}
		return &problem{exit: exitDifferences, code: "lock", err: fmt.Errorf("%s would change", lockfile.Name), data: report}
	}
	if !check && (len(report.Changes) > 0 || l.old == nil) {
		if err := l.want.Write(lockPath(dir)); err != nil {
			return err
		}
		report.Written = true
	}
	return a.answer(report, l.diags, func() error {
		if err := l.diags.WriteText(a.stderr, a.files); err != nil {
			return err
		}
		return a.lockText(report.Changes)
	})
}

// locking is what the lock of a configuration is and should be.
type locking struct {
	cfg       *config.Config
	options   catalog.Options
	old, want *lockfile.File // old is nil if there is none
	diags     diag.List      // warnings about plugins
}

// wanted finds out what the lock of the configuration in dir should be.
func (a *app) wanted(ctx context.Context, dir string, s *setup, replace []string) (*locking, error) {
	o, err := s.options()
	if err != nil {
		return nil, err
	}
	l := &locking{}
	if l.options, err = a.plugins(dir, s, zerolog.Nop()); err != nil {
		return nil, err
	}
	var broken diag.List
	if l.old, broken = a.lock(dir); broken.HasErrors() {
		return nil, &problem{exit: exitInvalid, code: "lock", err: errors.New("the lock file can't be understood; mend or remove it first"), diags: broken}
	}
	for _, name := range replace {
		if l.old.Find(name) == nil {
			return nil, usage("--replace %q: the lock file pins no plugin of that name", name)
		}
	}
	var cat *catalog.Catalog
	o.Plugins = func(needs []*config.Plugin) config.Types {
		l.options.Needs, l.options.New = needs, true
		if l.old != nil {
			l.options.Lock = stillPinned(l.old, needs, replace)
		}
		cat = catalog.Open(ctx, l.options)
		return cat
	}
	var diags diag.List
	l.cfg, diags = a.load(dir, o)
	if diags.HasErrors() {
		return nil, &problem{exit: exitInvalid, code: "configuration", err: errors.New("the configuration has errors; nothing was locked"), diags: diags}
	}
	l.diags = cat.Warnings()
	l.want, err = pins(l.cfg, cat, l.old)
	return l, err
}

// stillPinned is the part of a lock that goes on to hold: not what the
// configuration asks otherwise for now, and not what has no hash for this
// platform.
func stillPinned(old *lockfile.File, needs []*config.Plugin, replace []string) *lockfile.File {
	out := old.Clone()
	for _, p := range old.Plugins {
		if p.Hashes[lockfile.Platform()] == "" {
			out.Remove(p.Name())
		}
	}
	for _, n := range needs {
		if p := old.Find(n.Name); p != nil && (p.Address != n.Source || n.Version != "" && !n.Allows(p.Version)) {
			out.Remove(n.Name)
		}
	}
	for _, name := range replace {
		out.Remove(name)
	}
	return out
}

// pins is the lock of what the configuration uses. An overridden plugin stays as
// it was.
func pins(cfg *config.Config, cat *catalog.Catalog, old *lockfile.File) (*lockfile.File, error) {
	out := &lockfile.File{}
	for _, p := range used(cfg, cat) {
		switch {
		case p.Override:
			if pin := old.Find(p.Name); pin != nil {
				out.Put(pin)
			}
		case !release.ValidVersion(p.Version):
			return nil, &problem{exit: exitInvalid, code: "version", err: fmt.Errorf("plugin %s says that its version is %q, which can't be pinned: a version is 1.0.3", p.Name, printable(p.Version))}
		default:
			out.Put(p.Pin(old.Find(p.Name)))
		}
	}
	return out, nil
}

// used lists the plugins that a configuration names or whose types it uses.
func used(cfg *config.Config, cat *catalog.Catalog) []*catalog.Plugin {
	names := map[string]bool{}
	for _, n := range cfg.Plugins {
		names[n.Name] = true
	}
	for _, s := range cfg.Sources {
		if p, ok := cat.Serving("source", s.Type); ok {
			names[p.Name] = true
		}
	}
	for _, s := range cfg.Sinks {
		if p, ok := cat.Serving("sink", s.Type); ok {
			names[p.Name] = true
		}
	}
	var out []*catalog.Plugin
	for _, p := range cat.Plugins() {
		if names[p.Name] {
			out = append(out, p)
		}
	}
	return out
}

func (a *app) pluginVerifyCommand() *cobra.Command {
	var s setup
	cmd := &cobra.Command{
		Use:   "verify [DIR]",
		Short: "Hold the installed plugins against the lock file",
		Long: `Verify reads every program that the lock file pins and compares its SHA-256. It
starts nothing. A missing, exposed or changed program is a finding: exit 2.

Of a script only its own file is pinned, not what it imports.`,
		Example: "  patchbay plugin verify\n  patchbay plugin verify /etc/patchbay --json",
		Args:    atMost(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.pluginVerify(dirArg(args), &s)
		},
	}
	s.pluginFlags(cmd)
	return cmd
}

func (a *app) pluginVerify(dir string, s *setup) error {
	o, err := a.plugins(dir, s, zerolog.Nop())
	if err != nil {
		return err
	}
	var broken diag.List
	if o.Lock, broken = a.lock(dir); broken.HasErrors() {
		return &problem{exit: exitInvalid, code: "lock", err: errors.New("the lock file can't be understood"), diags: broken}
	}
	if o.Lock == nil {
		return usage("there is no %s in %s: patchbay plugin lock writes it", lockfile.Name, dir)
	}
	all := catalog.Verify(o)
	var diags diag.List
	for _, v := range all {
		if v.Fault != nil {
			diags = append(diags, diag.Diagnostic{Code: v.Fault.Code, Summary: v.Fault.Summary, Detail: v.Fault.Detail})
			continue
		}
		if !a.json {
			note := ""
			if v.Script {
				note = "  (a script: what it imports is not pinned)"
			}
			fmt.Fprintf(a.stdout, "ok  %s  %s%s\n", v.Plugin, v.Path, note)
		}
	}
	if len(diags) > 0 {
		return &problem{exit: exitInvalid, code: "plugins", err: fmt.Errorf("%s of %d not as pinned", count(len(diags), "plugin"), len(all)), diags: diags, data: all}
	}
	return a.answer(all, nil, func() error { return nil })
}
