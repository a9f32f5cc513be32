package main

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/patchbay-io/patchbay/core/testrun"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

func (a *app) testCommand() *cobra.Command {
	var s setup
	var only string
	var verbose, reveal bool
	cmd := &cobra.Command{
		Use:   "test [DIR]",
		Short: "Run the tests of a configuration",
		Long: `Test sends the recorded requests of the configuration's test blocks through its
own sources and pipelines, and compares what would reach the sinks with what the
tests expect. Tests stand in *.test.hcl files, or beside what they test.

Nothing is sent and no sink is started. Secrets need not be set: signatures are
checked only in tests that bring the secrets of their recordings. What no test
exercised is listed at the end. Personal data is masked.

Exit code 2 means that a test failed, or that there is none.`,
		Example: "  patchbay test\n  patchbay test examples/local --run 'failed|bounced' --verbose\n  patchbay test --json",
		Args:    atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o := testrun.Options{Reveal: reveal}
			var err error
			if o.Only, err = regexp.Compile(only); err != nil {
				return usage("--run %q is no regular expression", only)
			}
			log, setMask := a.logger()
			log = log.Level(max(log.GetLevel(), zerolog.WarnLevel))
			o.Log = log
			cat, cfg, diags, err := a.configure(cmd.Context(), dirArg(args), &s, false, log)
			if err != nil {
				return err
			}
			setMask(cfg.Mask)
			if diags.HasErrors() {
				return &problem{exit: exitInvalid, code: "configuration", err: errors.New("the configuration has errors; nothing was tested"), diags: diags}
			}
			rep, err := testrun.Run(cmd.Context(), cfg, cat, o)
			if err != nil {
				return err
			}
			return a.tested(rep, verbose)
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&only, "run", "", "run the tests whose names match a regular expression")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "tell of passed tests what came of their requests")
	cmd.Flags().BoolVar(&reveal, "reveal", false, "show personal data as it is")
	return cmd
}

// tested reports the result of a run.
func (a *app) tested(rep *testrun.Report, verbose bool) error {
	p := &problem{exit: exitInvalid, code: "no_tests", data: rep}
	switch {
	case len(rep.Tests) == 0 && rep.Skipped == 0:
		p.err = errors.New(`there are no tests; write test "what it shows" { ... } into a file named NAME.test.hcl`)
		return p
	case len(rep.Tests) == 0:
		p.err = fmt.Errorf("--run matches none of %s", count(rep.Skipped, "test"))
		return p
	}
	if !a.json {
		if err := rep.WriteText(a.stdout, verbose); err != nil {
			return err
		}
	}
	if rep.Failed > 0 {
		p.code, p.err, p.shown = "tests_failed", fmt.Errorf("%s failed", count(rep.Failed, "test")), true
		return p
	}
	return a.answer(rep, nil, func() error { return nil })
}
