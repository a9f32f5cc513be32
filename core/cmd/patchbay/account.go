package main

import (
	"errors"
	"strings"

	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/spf13/cobra"
)

func (a *app) accountCommand() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "account",
		Short: "Add up what became of every request and event",
		Long: `Account sums the ledger up per source, pipeline and sink and checks that it adds
up: stored = parsed + missed + backlog, and addressed = delivered + dead-lettered +
discarded + waiting. Exit code 4 says that it does not.`,
		Example: "  patchbay account\n  patchbay account --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd.Context(), &p, false, func(who asker) error {
				acc, err := who.account(cmd.Context())
				if err != nil {
					return err
				}
				return a.account(acc)
			})
		},
	}
	p.flags(cmd)
	return cmd
}

func (a *app) account(acc *inspect.Account) error {
	if acc.Balanced {
		return a.answer(acc, nil, func() error { return acc.WriteText(a.stdout) })
	}
	if !a.json {
		if err := acc.WriteText(a.stdout); err != nil {
			return err
		}
	}
	return &problem{
		exit: exitDifferences, code: "unbalanced", data: acc, shown: true,
		err: errors.New(strings.Join(acc.Problems(), "; ")),
	}
}
