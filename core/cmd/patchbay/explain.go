package main

import (
	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/spf13/cobra"
)

func (a *app) explainCommand() *cobra.Command {
	var p place
	var show bool
	cmd := &cobra.Command{
		Use:   "explain ID",
		Short: "Say what became of a message",
		Long: `Explain tells what became of everything that has the ID: a message's id, an
event's, a recipient, a customer, a conversation, or the reference of a request
such as twilio.support/12. Times are UTC. Personal data is masked.`,
		Example: `  patchbay explain SM0123456789abcdef0123456789abcdef
  patchbay explain twilio.support/12 --dir /etc/patchbay
  patchbay explain +447700900123 --reveal --json`,
		Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd.Context(), &p, false, func(who asker) error {
				var s *inspect.Story
				s, err := who.explain(cmd.Context(), args[0], show)
				if err != nil {
					return err
				}
				return a.answer(s, nil, func() error { return s.WriteText(a.stdout) })
			})
		},
	}
	p.flags(cmd)
	cmd.Flags().BoolVar(&show, "reveal", false, "show personal data as it is")
	return cmd
}
