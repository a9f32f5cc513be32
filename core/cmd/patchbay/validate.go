package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/engine"
	"github.com/patchbay-io/patchbay/core/lint"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

// setup is what run and validate need to know beside the directory.
type setup struct {
	pluginDirs []string
	vars       []string
	reload     <-chan struct{} // asks the engine to read the configuration again
}

func (s *setup) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&s.pluginDirs, "plugin-dir", nil, "further folder with plugins; may be repeated")
	cmd.Flags().StringArrayVar(&s.vars, "var", nil, "NAME=VALUE of a variable; may be repeated")
}

func (s *setup) options() (config.Options, error) {
	o := config.Options{Vars: map[string]string{}}
	for _, text := range s.vars {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return o, usage("--var %q: write NAME=VALUE", text)
		}
		o.Vars[name] = value
	}
	return o, nil
}

// loader returns what reads the configuration in dir, as often as it is called,
// with the flags and the environment that patchbay was started with. All secrets
// it has seen are masked from then on: what was one may still be logged.
func (a *app) loader(dir string, s *setup, strict bool, log zerolog.Logger, setMask func(func(string) string)) (func(context.Context) (*config.Config, *catalog.Catalog, diag.List, error), error) {
	o, err := s.options()
	if err != nil {
		return nil, err
	}
	// What runs is strict: secrets must be there, and tests are not looked at.
	o.RequireSecrets, o.Tests, o.Env, o.Version = strict, !strict, a.env, sdk.Version
	var seen []string
	return func(ctx context.Context) (*config.Config, *catalog.Catalog, diag.List, error) {
		cat, err := catalog.Open(ctx, append(s.pluginDirs, catalog.DefaultDirs()...), log)
		if err != nil {
			return nil, nil, nil, &problem{exit: exitInvalid, code: "plugins", err: err}
		}
		o := o
		o.Types = cat
		cfg, diags := config.Load(dir, o)
		for _, secret := range cfg.Secrets {
			if !slices.Contains(seen, secret) {
				seen = append(seen, secret)
			}
		}
		all := slices.Clone(seen)
		slices.SortFunc(all, func(x, y string) int { return cmp.Compare(len(y), len(x)) })
		setMask((&config.Config{Secrets: all}).Mask)
		return cfg, cat, diags, nil
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
	e, err := engine.New(cfg, cat, engine.Options{Log: log, Version: sdk.Version, Load: load, Reload: s.reload})
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

func dirArg(args []string) string {
	if len(args) == 0 {
		return "."
	}
	return args[0]
}

// checkTimeout bounds how long plugins may look at their configuration.
const checkTimeout = time.Minute

func (a *app) validateCommand() *cobra.Command {
	var s setup
	var strict bool
	cmd := &cobra.Command{
		Use:   "validate [DIR]",
		Short: "Check a configuration without starting it",
		Long: `Validate reads the configuration in DIR, has every plugin look at its own block,
and reports all that is wrong, with the place and what to write instead. Nothing
is sent, received or stored. A secret that is not set here is a warning only.

What works as written but can lose, double or leak data is a warning, or a note
where nothing can be done about it. A comment on the line, or above it, silences
one for a reason:

  # patchbay:ignore PB2508 only the monitoring network reaches this port`,
		Example: `  patchbay validate
  patchbay validate examples/local --json
  patchbay validate --strict`,
		ValidArgsFunction: directories,
		Args:              atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			log, setMask := a.logger()
			e, cfg, diags, err := a.prepare(cmd.Context(), dirArg(args), &s, false, log.Level(zerolog.WarnLevel), setMask)
			if err != nil {
				return err
			}
			if e != nil {
				ctx, cancel := context.WithTimeout(cmd.Context(), checkTimeout)
				defer cancel()
				diags = append(append(diags, lint.Check(cfg)...), e.Check(ctx)...)
				diags = lint.Silence(cfg.Files, diags, true)
			}
			return a.validated(cfg, diags, strict)
		},
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&strict, "strict", false, "warnings count as errors: exit with 2")
	return cmd
}

// found is what validate reports to programs beside the diagnostics.
type found struct {
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Notes    int `json:"notes"`
	Files    int `json:"files"`
}

func (a *app) validated(cfg *config.Config, diags diag.List, strict bool) error {
	f := found{Files: len(cfg.Files)}
	f.Errors, f.Warnings = diags.Count()
	f.Notes = len(diags) - f.Errors - f.Warnings
	if !a.json {
		if err := diags.WriteText(a.stdout, a.files); err != nil {
			return err
		}
		if len(diags) > 0 {
			fmt.Fprintln(a.stdout)
		}
		fmt.Fprintf(a.stdout, "%s, %s in %s.\n", count(f.Errors, "error"), count(f.Warnings, "warning"), count(f.Files, "file"))
	}
	err := errors.New("the configuration has errors")
	if f.Errors == 0 {
		err = errors.New("the configuration has warnings, which --strict forbids")
	}
	if f.Errors > 0 || strict && f.Warnings > 0 {
		return &problem{exit: exitInvalid, code: "configuration", err: err, diags: diags, data: f, shown: true}
	}
	return a.answer(f, diags, func() error { return nil })
}
