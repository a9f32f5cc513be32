package main

import "github.com/spf13/cobra"

func (a *app) pluginCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plugin",
		Short: "Write, try out and manage plugins",
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Args:  noArgs,
	}
	cmd.AddCommand(a.pluginNewCommand(), a.pluginTestCommand())
	return cmd
}
