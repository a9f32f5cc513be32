package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/engine"
	"github.com/patchbay-io/patchbay/core/lockfile"
	"github.com/patchbay-io/patchbay/core/release"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

// The environment variables that say where plugins are.
const (
	envPluginDirs = "PATCHBAY_PLUGIN_DIR"    // further folders, separated like PATH
	envOverrides  = "PATCHBAY_DEV_OVERRIDES" // NAME=PATH, separated by commas
	envCacheDir   = "PATCHBAY_CACHE_DIR"     // instead of the user's cache folder
)

// setup is what commands that read a whole configuration need to know beside the
// directory.
type setup struct {
	pluginDirs []string
	overrides  []string
	vars       []string
	varFiles   []string
	reload     <-chan struct{} // asks the engine to read the configuration again
	processors int             // as engine.Options
}

func (s *setup) flags(cmd *cobra.Command) {
	s.pluginFlags(cmd)
	s.valueFlags(cmd)
}

// valueFlags are the ways to give values to variables.
func (s *setup) valueFlags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&s.vars, "var", nil, "NAME=VALUE of a variable; may be repeated")
	cmd.Flags().StringArrayVar(&s.varFiles, "var-file", nil, "file with values of variables, NAME = VALUE on each line; may be repeated")
}

func (s *setup) pluginFlags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&s.pluginDirs, "plugin-dir", nil, "further folder with plugins; may be repeated")
	cmd.Flags().StringArrayVar(&s.overrides, "plugin", nil, "NAME=PATH of a program to use for a plugin, whatever is installed or locked; for development")
}

func (s *setup) options() (config.Options, error) {
	o := config.Options{Vars: map[string]string{}, VarFiles: s.varFiles}
	for _, text := range s.vars {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return o, usage("--var %q: write NAME=VALUE", text)
		}
		o.Vars[name] = value
	}
	return o, nil
}

// store is where the plugins of a configuration are installed.
func store(dir string) string { return filepath.Join(dir, ".patchbay", "plugins") }

// lockPath is where the lock of a configuration is.
func lockPath(dir string) string { return filepath.Join(dir, lockfile.Name) }

// plugins says where to look for plugins, and which to trust, for the
// configuration in dir.
func (a *app) plugins(dir string, s *setup, log zerolog.Logger) (catalog.Options, error) {
	o := catalog.Options{Log: log, CacheDir: a.cacheDir(), Overrides: map[string]string{}, Now: a.now}
	o.Dirs = append(o.Dirs, s.pluginDirs...)
	o.Dirs = append(o.Dirs, store(dir))
	o.Mirrors = append(o.Mirrors, o.Dirs...)
	if list, ok := a.env(envPluginDirs); ok {
		for _, d := range filepath.SplitList(list) {
			if d != "" {
				o.Dirs = append(o.Dirs, d)
			}
		}
	}
	if exe, err := os.Executable(); err == nil {
		o.Bundled = filepath.Dir(exe)
	}
	overrides := s.overrides
	if list, ok := a.env(envOverrides); ok && list != "" {
		overrides = append(strings.Split(list, ","), overrides...) // a flag is stronger
	}
	for _, text := range overrides {
		name, path, ok := strings.Cut(text, "=")
		if !ok || !release.ValidName(name) || path == "" {
			return o, usage("plugin override %q: write NAME=PATH, for instance acme=./bin/acme", text)
		}
		o.Overrides[name] = path
	}
	return o, nil
}

// cacheDir is where to remember what plugins serve; empty if there is no place.
func (a *app) cacheDir() string {
	if dir, ok := a.env(envCacheDir); ok {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "patchbay")
}

// loader returns what reads the configuration in dir and finds its plugins, as
// often as it is called, with the flags and the environment that patchbay was
// started with. All secrets it has seen are masked from then on: what was one may
// still be logged. A lock file that isn't understood is the only thing reported
// then, because nothing is known of any plugin.
func (a *app) loader(dir string, s *setup, strict bool, log zerolog.Logger, setMask func(func(string) string)) (func(context.Context) (*config.Config, *catalog.Catalog, diag.List, error), error) {
	o, err := s.options()
	if err != nil {
		return nil, err
	}
	co, err := a.plugins(dir, s, log)
	if err != nil {
		return nil, err
	}
	// What runs is strict: secrets must be there, and tests are not looked at.
	o.RequireSecrets, o.Tests, o.Env, o.Version = strict, !strict, a.env, sdk.Version
	var seen []string
	return func(ctx context.Context) (*config.Config, *catalog.Catalog, diag.List, error) {
		co, o := co, o
		lock, src, broken := lockfile.Read(lockPath(dir))
		if broken.HasErrors() {
			return &config.Config{Dir: dir, Files: map[string][]byte{lockPath(dir): src}}, nil, broken, nil
		}
		co.Lock = lock
		var cat *catalog.Catalog
		o.Plugins = func(needs []*config.Plugin) config.Types {
			co.Needs = needs
			cat = catalog.Open(ctx, co)
			return cat
		}
		cfg, diags := config.Load(dir, o)
		for _, secret := range cfg.Secrets {
			if !slices.Contains(seen, secret) {
				seen = append(seen, secret)
			}
		}
		all := slices.Clone(seen)
		slices.SortFunc(all, func(x, y string) int { return cmp.Compare(len(y), len(x)) })
		setMask((&config.Config{Secrets: all}).Mask)
		return cfg, cat, append(cat.Warnings(), diags...), nil
	}, nil
}

// prepare finds the plugins and reads the configuration. The engine is nil if
// the diagnostics have errors.
func (a *app) prepare(ctx context.Context, dir string, s *setup, strict bool, log zerolog.Logger, setMask func(func(string) string)) (*engine.Engine, *config.Config, diag.List, error) {
	load, err := a.loader(dir, s, strict, log, setMask)
	if err != nil {
		return nil, nil, nil, err
	}
	cfg, cat, diags, err := load(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	a.files = cfg.Files
	if diags.HasErrors() {
		return nil, cfg, diags, nil
	}
	e, err := engine.New(cfg, cat, engine.Options{Log: log, Version: sdk.Version, Load: load, Reload: s.reload, Processors: s.processors})
	return e, cfg, diags, err
}

// configure is prepare without an engine.
func (a *app) configure(ctx context.Context, dir string, s *setup, strict bool, log zerolog.Logger) (*catalog.Catalog, *config.Config, diag.List, error) {
	load, err := a.loader(dir, s, strict, log, func(func(string) string) {})
	if err != nil {
		return nil, nil, nil, err
	}
	cfg, cat, diags, err := load(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	a.files = cfg.Files
	return cat, cfg, diags, nil
}

// installed finds the plugins that the configuration in dir may use, without
// reading it.
func (a *app) installed(ctx context.Context, dir string, s *setup, log zerolog.Logger) (*catalog.Catalog, error) {
	o, err := a.plugins(dir, s, log)
	if err != nil {
		return nil, err
	}
	var broken diag.List
	if o.Lock, broken = a.lock(dir); broken.HasErrors() {
		return nil, &problem{exit: exitInvalid, code: "lock", err: errors.New("the lock file can't be understood"), diags: broken}
	}
	return catalog.Open(ctx, o), nil
}

// lock reads the lock of the configuration in dir; nil without diagnostics means
// that there is none.
func (a *app) lock(dir string) (*lockfile.File, diag.List) {
	lock, src, broken := lockfile.Read(lockPath(dir))
	if broken.HasErrors() {
		a.files = map[string][]byte{lockPath(dir): src}
	}
	return lock, broken
}
