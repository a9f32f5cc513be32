package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/patchbay-io/patchbay/core/plugintest"
	"github.com/spf13/cobra"
)

func (a *app) pluginTestCommand() *cobra.Command {
	o := plugintest.Options{Now: a.now}
	cmd := &cobra.Command{
		Use:   "test EXECUTABLE",
		Short: "Check that a plugin keeps the contract, in whatever language it is written",
		Long: `Test starts a plugin as a core does and checks how it behaves: the handshake, mutual
TLS, its end when the core ends; and, for each type that it serves, the contract of
sources or sinks. It kills the plugin in the middle of its work and looks at what
came of it. One line a check tells what was found.

A source needs captured requests: files NAME.http in the folder of --testdata, with
NAME.events.json beside each, which --update writes. Package sdktest has the format.

A sink needs its arguments: config.json in the folder, or --config. The text ${tmp}
in it stands for a fresh folder. What the destination holds is told by the program
read in the folder, or by --read: it prints the event_id of each event, one a line,
and finds the fresh folder in PATCHBAY_TMP. If it prints the word unordered first,
their order means nothing. Without such a program, the sink is taken at its word.`,
		Example: `  patchbay plugin test ./bin/patchbay-plugin-acme
  patchbay plugin test ./patchbay-plugin-acme --testdata captured --update
  patchbay plugin test ./patchbay-plugin-table --config table.json --read 'psql -Atc "SELECT event_id FROM events"'`,
		Args: exactly("EXECUTABLE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Path = args[0]
			return a.pluginTest(cmd.Context(), o)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&o.Testdata, "testdata", "testdata", "folder with requests and configurations")
	fs.StringVar(&o.Type, "type", "", "the one type to check, if the plugin serves several")
	fs.StringVar(&o.Config, "config", "", "JSON file with a sink's arguments")
	fs.StringVar(&o.Unreachable, "unreachable", "", "JSON file with arguments under which a sink cannot reach its destination")
	fs.StringVar(&o.Read, "read", "", "shell command that prints the event_id of what a sink's destination holds")
	fs.BoolVar(&o.Update, "update", false, "write the golden files instead of comparing with them")
	return cmd
}

func (a *app) pluginTest(ctx context.Context, o plugintest.Options) error {
	if !a.json {
		o.Each = a.checkText
	}
	report, err := plugintest.Run(ctx, o)
	switch {
	case errors.Is(err, plugintest.ErrOptions):
		return usage("%s", strings.TrimPrefix(err.Error(), plugintest.ErrOptions.Error()+": "))
	case err != nil:
		return err
	}
	if !a.json {
		fmt.Fprintf(a.stdout, "%s: %d passed, %d failed, %d skipped.\n", count(len(report.Checks), "check"), report.Passed, report.Failed, report.Skipped)
	}
	if report.Failed > 0 {
		return &problem{
			exit: exitInvalid, code: "contract", data: report, shown: true,
			err: fmt.Errorf("the plugin breaks the contract: %s failed", count(report.Failed, "check")),
		}
	}
	return a.answer(report, nil, func() error { return nil })
}

// maxFindings is how many findings of one check a person is shown.
const maxFindings = 5

// checkText prints one check, as soon as it is made.
func (a *app) checkText(c plugintest.Check) {
	word := map[string]string{plugintest.Passed: "pass", plugintest.Failed: "FAIL", plugintest.Skipped: "skip"}[c.Result]
	fmt.Fprintf(a.stdout, "%s  %-16s  %s\n", word, printable(c.Subject), printable(c.Name))
	show := c.Findings
	if c.Result == plugintest.Skipped {
		show = c.Notes
	}
	for _, f := range show[:min(len(show), maxFindings)] {
		for _, line := range strings.Split(strings.TrimRight(f, "\n"), "\n") {
			fmt.Fprintf(a.stdout, "        %s\n", printable(line))
		}
	}
	if n := len(show) - maxFindings; n > 0 {
		fmt.Fprintf(a.stdout, "        ... and %d more\n", n)
	}
}
