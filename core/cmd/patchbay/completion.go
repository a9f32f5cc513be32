package main

import (
	"strings"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/spf13/cobra"
)

func (a *app) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that completes commands in a shell",
		Long: `Completion prints a script for a shell. It completes commands and flags, and what
they name: codes, templates, types, topics, and the addresses of a configuration.
The script calls patchbay for that and is the output itself, so --json has no
effect.`,
		Example: `  source <(patchbay completion bash)
  patchbay completion zsh > "${fpath[1]}/_patchbay"
  patchbay completion fish > ~/.config/fish/completions/patchbay.fish`,
		Args:      exactly("SHELL"),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.stdout)
			case "fish":
				return root.GenFishCompletion(a.stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.stdout)
			}
			return usage("%q is no shell that is known: write %s", args[0], strings.Join(shells, ", "))
		},
	}
}

// A completer offers words for what is being typed.
type completer = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective)

// words offers what f returns that starts with what has been typed.
func words(f func(args []string) []string) completer {
	return func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		var out []string
		for _, w := range f(args) {
			if strings.HasPrefix(w, typed) {
				out = append(out, w)
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// hclFiles offers files of configurations.
func hclFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"hcl"}, cobra.ShellCompDirectiveFilterFileExt
}

// directories offers directories, for the one argument of a command.
func directories(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// helpTopics offers what help explains.
func helpTopics(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	return words(func([]string) []string {
		at := cmd.Root()
		if sub, rest, err := at.Find(args); err == nil && len(rest) == 0 {
			at = sub
		}
		var out []string
		for _, c := range at.Commands() {
			if c.IsAvailableCommand() {
				out = append(out, c.Name())
			}
		}
		if len(args) > 0 {
			return out
		}
		for _, code := range diag.Codes() {
			out = append(out, string(code))
		}
		return append(out, "codes")
	})(cmd, args, typed)
}
