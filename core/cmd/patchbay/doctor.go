package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/patchbay-io/patchbay/core/admin"
	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/doctor"
	"github.com/patchbay-io/patchbay/core/engine"
	"github.com/patchbay-io/patchbay/core/lint"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

// The groups of checks that doctor makes here; the rest are of package doctor.
const (
	groupConfiguration = "configuration"
	groupPlugins       = "plugins"
	groupSinks         = "sinks"
)

func (a *app) doctorCommand() *cobra.Command {
	var s setup
	var connect bool
	cmd := &cobra.Command{
		Use:   "doctor [DIR]",
		Short: "Check whether this machine is fit to run a configuration",
		Long: `Doctor checks the configuration in DIR, its secrets and plugins, the disk and the
journal on it, limits, clock, and ports. Each check passes, warns or fails, and
says what to do. Nothing beyond this machine is asked, and nothing is changed but
for a small file in the data directory, which is removed again. Beside a running
core it only looks.

With --connect each sink is opened and closed again, as run would: it logs in, and
may create what it writes to. Nothing is written.

The exit code is 2 if the configuration or a plugin is at fault, 3 if the machine
or a sink's destination is, and 0 otherwise, warnings included.`,
		Example: `  patchbay doctor
  patchbay doctor /etc/patchbay --connect
  patchbay doctor /etc/patchbay --json`,
		Args:              atMost(1),
		ValidArgsFunction: directories,
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := a.examine(cmd.Context(), dirArg(args), &s, connect)
			if err != nil {
				return err
			}
			return a.diagnosed(all)
		},
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&connect, "connect", false, "open each sink, too, and close it again")
	return cmd
}

// examine makes all checks.
func (a *app) examine(ctx context.Context, dir string, s *setup, connect bool) ([]doctor.Check, error) {
	cat, cfg, diags, err := a.configure(ctx, dir, s, false, zerolog.Nop())
	if err != nil {
		return nil, err
	}
	var e *engine.Engine
	if !diags.HasErrors() {
		e, err = engine.New(cfg, cat, engine.Options{Log: zerolog.Nop(), Version: sdk.Version})
		if err != nil {
			return nil, err
		}
		checkCtx, cancel := context.WithTimeout(ctx, checkTimeout)
		defer cancel()
		diags = lint.Silence(cfg.Files, slices.Concat(diags, lint.Check(cfg), e.Check(checkCtx)), true)
	}
	out := checkConfiguration(dir, diags)
	if len(cfg.Files) == 0 || cat == nil {
		return out, nil // of what machine, or of which plugins, nobody has said
	}
	out = append(out, checkPlugins(cfg, cat)...)
	_, err = admin.Connect(ctx, cfg.DataDir)
	running := err == nil
	out = append(out, doctor.Examine(ctx, doctor.Options{Config: cfg, Running: running, Now: a.now})...)
	if connect {
		out = append(out, checkSinks(ctx, cfg, e, running)...)
	}
	return out, nil
}

// checkSinks tries the destinations. A running core has them open, and knows more
// of them than one attempt.
func checkSinks(ctx context.Context, cfg *config.Config, e *engine.Engine, running bool) []doctor.Check {
	var out []doctor.Check
	add := func(name string, status doctor.Status, detail, remedy string) {
		out = append(out, doctor.Check{Group: groupSinks, Name: name, Status: status, Detail: detail, Remedy: remedy})
	}
	switch {
	case running:
		add("connections", doctor.Pass, "the running core has them: patchbay status says how they are", "")
	case e == nil:
		add("connections", doctor.Warn, "not tried: the configuration has mistakes", "Mend them first.")
	default:
		for _, c := range e.Connect(ctx) {
			if c.Err == nil {
				add(c.Sink, doctor.Pass, "it opens", "")
				continue
			}
			add(c.Sink, doctor.Fail, cfg.Mask(c.Err.Error()), sinkRemedy(c.Err))
		}
	}
	return out
}

// sinkRemedy says what to do about a sink that does not open.
func sinkRemedy(err error) string {
	const kept = "Meanwhile patchbay run takes requests, keeps their events, and tries again."
	var f *sdk.Failure
	if errors.As(err, &f) {
		switch f.Class {
		case sdk.AuthFailed:
			return "Check the credentials, and what they are allowed. " + kept
		case sdk.Misconfigured:
			return "Change what it names: the configuration, or the destination. " + kept
		case sdk.Throttled:
			return "Try again later. " + kept
		}
	}
	return "Is the destination up, and can this machine reach it? " + kept
}

// checkConfiguration sums up what validate finds.
func checkConfiguration(dir string, diags diag.List) []doctor.Check {
	var missing []string
	rest := slices.DeleteFunc(slices.Clone(diags), func(d diag.Diagnostic) bool {
		if d.Code == diag.MissingSecret {
			missing = append(missing, strings.TrimPrefix(d.Summary, "missing secret "))
		}
		return d.Code == diag.MissingSecret
	})
	remedy := "See patchbay validate " + dir + "."
	c := doctor.Check{Group: groupConfiguration, Name: "validate", Status: doctor.Pass, Detail: "no mistakes"}
	switch errs, warnings := rest.Count(); {
	case errs > 0:
		c.Status, c.Detail, c.Remedy = doctor.Fail, fmt.Sprintf("%s, %s", count(errs, "error"), count(warnings, "warning")), remedy
	case warnings > 0:
		c.Status, c.Detail, c.Remedy = doctor.Warn, count(warnings, "warning"), remedy
	}
	secrets := doctor.Check{Group: groupConfiguration, Name: "secrets", Status: doctor.Pass, Detail: "all are there"}
	if len(missing) > 0 {
		slices.Sort(missing)
		secrets.Status, secrets.Detail = doctor.Fail, "missing: "+strings.Join(slices.Compact(missing), ", ")
		secrets.Remedy = "Set them where patchbay runs, and run doctor there: patchbay run refuses to start without."
	}
	return []doctor.Check{c, secrets}
}

// checkPlugins looks whether the plugins that the configuration needs answer.
func checkPlugins(cfg *config.Config, cat *catalog.Catalog) []doctor.Check {
	needed := map[string]bool{}
	for _, s := range cfg.Sources {
		if p, ok := cat.Serving("source", s.Type); ok {
			needed[p.Name] = true
		}
	}
	for _, s := range cfg.Sinks {
		if p, ok := cat.Serving("sink", s.Type); ok {
			needed[p.Name] = true
		}
	}
	var out []doctor.Check
	for _, p := range cat.Plugins() {
		c := doctor.Check{Group: groupPlugins, Name: p.Name, Status: doctor.Pass}
		switch {
		case p.Fault != nil:
			c.Status, c.Detail, c.Remedy = doctor.Warn, p.Fault.Summary, "No type of it can be used. "+p.Fault.Detail
		case needed[p.Name]:
			c.Detail = fmt.Sprintf("version %s answers", p.Desc.GetVersion())
		default:
			c.Detail = fmt.Sprintf("version %s answers, and nothing uses it", p.Desc.GetVersion())
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		out = append(out, doctor.Check{
			Group: groupPlugins, Name: "folders", Status: doctor.Fail, Detail: "there is no plugin",
			Remedy: "Install plugins beside patchbay, or name their folder in " + envPluginDirs + ".",
		})
	}
	return out
}

// diagnosed tells how the checks came out.
func (a *app) diagnosed(all []doctor.Check) error {
	data := struct {
		Passed   int            `json:"passed"`
		Warnings int            `json:"warnings"`
		Failed   int            `json:"failed"`
		Checks   []doctor.Check `json:"checks"`
	}{doctor.Count(all, doctor.Pass), doctor.Count(all, doctor.Warn), doctor.Count(all, doctor.Fail), all}
	text := func() error {
		group := ""
		for _, c := range all {
			if c.Group != group {
				group = c.Group
				fmt.Fprintln(a.stdout, group)
			}
			fmt.Fprintf(a.stdout, "  %s  %s: %s\n", c.Status, c.Name, printable(c.Detail))
			if c.Remedy != "" {
				fmt.Fprintf(a.stdout, "        %s\n", strings.ReplaceAll(wrap(c.Remedy, helpWidth-8), "\n", "\n        "))
			}
		}
		_, err := fmt.Fprintf(a.stdout, "%d passed, %s, %d failed.\n", data.Passed, count(data.Warnings, "warning"), data.Failed)
		return err
	}
	if data.Failed == 0 {
		return a.answer(data, nil, text)
	}
	p := &problem{exit: exitUnreachable, code: "unfit", err: errors.New("some checks failed"), data: data, shown: true}
	for _, c := range all {
		if c.Status == doctor.Fail && (c.Group == groupConfiguration || c.Group == groupPlugins) {
			p.exit = exitInvalid
		}
	}
	if !a.json {
		if err := text(); err != nil {
			return err
		}
	}
	return p
}
