package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// longFlags lets every long flag be written with one dash: -json is --json. What
// a flag takes as its value, and what follows --, is left alone.
func longFlags(root *cobra.Command, args []string) []string {
	known := map[string]bool{"help": false} // whether it takes a value
	visit := func(f *pflag.Flag) { known[f.Name] = f.NoOptDefVal == "" }
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		c.Flags().VisitAll(visit)
		c.PersistentFlags().VisitAll(visit)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	out := make([]string, 0, len(args))
	value := false
	for i, arg := range args {
		if value || !strings.HasPrefix(arg, "-") || arg == "-" {
			out, value = append(out, arg), false
			continue
		}
		if arg == "--" {
			return append(out, args[i:]...)
		}
		name, _, given := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		takes, ok := known[name]
		if ok && !strings.HasPrefix(arg, "--") {
			arg = "-" + arg
		}
		value = ok && takes && !given
		out = append(out, arg)
	}
	return out
}

// noArgs and its kin are cobra's, with errors that count as wrong input.
func noArgs(cmd *cobra.Command, args []string) error { return atMost(0)(cmd, args) }

func atMost(n int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > n {
			return usage("%q is too much: there can be %s", args[n], count(n, "argument"))
		}
		return nil
	}
}

func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usage("%s is missing: patchbay %s; see: patchbay help %s", names[len(args)], commandLine(cmd), commandName(cmd))
		}
		return atMost(len(names))(cmd, args)
	}
}

func commandLine(cmd *cobra.Command) string {
	return strings.TrimSpace(strings.TrimSuffix(commandName(cmd), cmd.Name()) + cmd.Use)
}

func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
