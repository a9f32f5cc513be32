package main

import (
	"slices"
	"strings"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/trigger"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// completeFlags gives the flags and arguments that mean the same in every
// command their completion, where a command has none of its own.
func (a *app) completeFlags(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil && strings.HasSuffix(cmd.Use, "[DIR]") {
		cmd.ValidArgsFunction = directories
	}
	flags := func(f *pflag.Flag) {
		if c := a.flagCompleter(f.Name); c != nil {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, c) // refused if the command has its own
		}
	}
	cmd.LocalFlags().VisitAll(flags)
	for _, sub := range cmd.Commands() {
		a.completeFlags(sub)
	}
}

// flagCompleter offers values of a flag; nil means that nothing is known of it.
func (a *app) flagCompleter(name string) completer {
	fixed := func(all []string) completer { return words(func([]string) []string { return all }) }
	switch name {
	case "dir", "data-dir", "plugin-dir":
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
	case "log-level":
		return fixed([]string{"debug", "info", "warn", "error"})
	case "type":
		return fixed(sdk.EventTypes())
	case "status":
		return fixed(sdk.DeliveryStatuses())
	case "channel":
		return fixed(sdk.Channels())
	case "source", "to":
		return a.addresses(func(cfg *config.Config) (out []string) {
			for _, s := range cfg.Sources {
				out = append(out, "source."+s.Address)
			}
			return out
		})
	case "sink":
		return a.addresses(func(cfg *config.Config) (out []string) {
			for _, s := range cfg.Sinks {
				out = append(out, "sink."+s.Address)
			}
			return out
		})
	case "pipeline":
		return a.addresses(func(cfg *config.Config) (out []string) {
			for _, p := range cfg.Pipelines {
				out = append(out, p.Name)
			}
			return out
		})
	}
	return nil
}

// addresses offers what f finds in the configuration, as far as it can be read.
func (a *app) addresses(f func(*config.Config) []string) completer {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		dir := "."
		if d := cmd.Flags().Lookup("dir"); d != nil {
			dir = d.Value.String()
		}
		cfg, _ := a.load(dir, config.Options{})
		return words(func([]string) []string { return f(cfg) })(cmd, args, typed)
	}
}

// triggerWords offers the types and kinds of requests.
func triggerWords(args []string) []string {
	switch {
	case len(args) == 0:
		return trigger.Types()
	case len(args) == 1 && slices.Contains(trigger.Types(), args[0]):
		return trigger.Kinds(args[0])
	}
	return nil
}
