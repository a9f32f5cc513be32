package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/lint"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

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
