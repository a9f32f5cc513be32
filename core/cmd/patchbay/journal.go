package main

import (
	"errors"
	"fmt"

	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/spf13/cobra"
)

func (a *app) journalCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "Look into a journal that no core has open",
		Long: `The journal holds what was received and what became of it, in the data directory.
These commands read it as it is, while no core runs on it.`,
		Example: "  patchbay journal verify\n  patchbay journal dump",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.helpOn(cmd) },
	}
	cmd.AddCommand(a.dumpCommand(), a.verifyCommand())
	return cmd
}

// stopped opens the journal for a command that reads all of it.
func (a *app) stopped(p *place, f func(*journal.Journal) error) error {
	dir, err := a.data(p)
	if err != nil {
		return err
	}
	j, err := a.openJournal(dir, true)
	if errors.Is(err, journal.ErrLocked) {
		return unreachable("a core has the journal in %s open: stop it first", dir)
	}
	if err != nil {
		return err
	}
	return errors.Join(f(j), j.Close())
}

func (a *app) dumpCommand() *cobra.Command {
	var p place
	var o inspect.DumpOptions
	cmd := &cobra.Command{
		Use:   "dump",
		Short: "Write the whole journal as lines of JSON",
		Long: `Dump writes a line of JSON for every key of the journal: logs, cursors, dedup
marks, dead letters, the ledger and what sinks took. Bodies are left out and
personal data is masked, unless you ask for them.`,
		Example: "  patchbay journal dump | jq 'select(.kind == \"cursor\")'\n  patchbay journal dump --bodies > journal.jsonl",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.stopped(&p, func(j *journal.Journal) error { return inspect.Dump(a.stdout, j, o) })
		},
	}
	p.flags(cmd)
	cmd.Flags().BoolVar(&o.Bodies, "bodies", false, "include every entry byte for byte, in base64")
	cmd.Flags().BoolVar(&o.Reveal, "reveal", false, "show personal data as it is")
	return cmd
}

func (a *app) verifyCommand() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that a journal is sound",
		Long: `Verify reads the whole journal and checks that everything can be read, that logs
have no holes, that no cursor is ahead of its log, that every message can be
found, and that the ledger is what a recount gives. Exit code 4 says that
something was found.`,
		Example: "  patchbay journal verify --dir /etc/patchbay",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := a.stopped(&p, func(j *journal.Journal) error {
				v, err := inspect.Verify(cmd.Context(), j)
				if err != nil {
					return err
				}
				return a.verified(v)
			})
			if p := (*problem)(nil); journal.IsCorrupt(err) && !errors.As(err, &p) {
				// So damaged that it cannot even be opened.
				return &problem{exit: exitDifferences, code: "unsound", err: err}
			}
			return err
		},
	}
	p.flags(cmd)
	return cmd
}

func (a *app) verified(v *inspect.Verification) error {
	if v.Sound() {
		return a.answer(v, nil, func() error { return v.WriteText(a.stdout) })
	}
	if !a.json {
		if err := v.WriteText(a.stdout); err != nil {
			return err
		}
	}
	return &problem{
		exit: exitDifferences, code: "unsound", data: v, shown: true,
		err: fmt.Errorf("the journal has %s", count(len(v.Findings)+v.More, "problem")),
	}
}
