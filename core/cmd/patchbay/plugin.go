package main

import "github.com/spf13/cobra"

func (a *app) pluginCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plugin",
		Short: "Write, try out and manage plugins",
		Long: `A plugin is a program that serves types of sources and sinks. These commands are
for those who write plugins, and for those who install them.`,
		Example: "  patchbay plugin new acme\n  patchbay plugin test ./patchbay-plugin-acme",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.helpOn(cmd) },
		Args:    noArgs,
	}
	cmd.AddCommand(
		a.pluginNewCommand(), a.pluginTestCommand(), a.pluginInstallCommand(), a.pluginListCommand(), a.pluginLockCommand(),
		a.pluginVerifyCommand(), a.pluginBundleCommand(), a.pluginDocsCommand(),
	)
	return cmd
}
