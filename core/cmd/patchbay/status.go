package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/patchbay-io/patchbay/core/admin"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/spf13/cobra"
)

func (a *app) statusCommand() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Say how the running core is",
		Long:    "Status tells of the core that runs: whether it is ready, its plugins, and what waits where.",
		Example: "  patchbay status\n  patchbay status --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := a.data(&p)
			if err != nil {
				return err
			}
			c, err := admin.Connect(cmd.Context(), dir)
			if errors.Is(err, admin.ErrNoCore) {
				return unreachable("no core is running on %s: start one with patchbay run", dir)
			}
			if err != nil {
				return err
			}
			s := new(admin.Status)
			if err := c.Get(cmd.Context(), "status", nil, s); err != nil {
				return err
			}
			return a.answer(s, nil, func() error { return writeStatus(a.stdout, s, a.now()) })
		},
	}
	p.flags(cmd)
	return cmd
}

func writeStatus(w io.Writer, s *admin.Status, now time.Time) error {
	ready := "ready"
	if !s.Ready {
		ready = "not ready: " + strings.Join(s.Reasons, "; ")
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "patchbay %s, up %s, receiving on %s, %s\n", s.Version, now.Sub(s.Started).Round(time.Second), s.Receiver, ready)
	fmt.Fprintf(t, "journal %.1f MiB on disk\n", float64(s.Journal.DiskBytes)/(1<<20))
	if s.Full {
		fmt.Fprintln(t, "no room in the journal: nothing is accepted")
	}
	if c := s.Certificate; c != nil {
		fmt.Fprintf(t, "certificate of %s, until %s\n", printable(strings.Join(c.Names, ", ")), c.NotAfter.Format(time.DateOnly))
	}
	for _, w := range s.Warnings {
		fmt.Fprintf(t, "warning: %s\n", printable(w))
	}
	writeConfigStatus(t, &s.Config, now)
	fmt.Fprintln(t, "\nSOURCE\tPATH\tPLUGIN\tRESTARTS\tBACKLOG")
	for _, src := range s.Sources {
		backlog := "in no pipeline"
		var parts []string
		for _, l := range s.Lanes {
			if l.Source == src.Address {
				parts = append(parts, fmt.Sprintf("%s %d", l.Pipeline, l.Backlog))
			}
		}
		if len(parts) > 0 {
			backlog = strings.Join(parts, ", ")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\n", src.Address, src.Path, plugin(src.Plugin), src.Plugin.Restarts, backlog)
	}
	fmt.Fprintln(t, "\nSINK\tPIPELINE\tSTATE\tBACKLOG\tPLUGIN\tRESTARTS\tPROBLEM")
	for _, snk := range s.Sinks {
		for _, d := range snk.Dispatch {
			fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%d\t%s\n", snk.Address, d.Pipeline, d.State, d.Backlog, plugin(snk.Plugin), snk.Plugin.Restarts, printable(d.Error))
		}
		if len(snk.Dispatch) == 0 {
			fmt.Fprintf(t, "%s\tin no pipeline\t\t\t%s\t%d\t\n", snk.Address, plugin(snk.Plugin), snk.Plugin.Restarts)
		}
	}
	if len(s.Lookups) > 0 {
		fmt.Fprintln(t, "\nLOOKUP\tROWS\tWAITING\tSKIPPED\tPROBLEM")
	}
	for _, l := range s.Lookups {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\n", l.Address, l.Rows, l.Waiting, l.Skipped, printable(l.Error))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// writeConfigStatus tells which configuration is at work, and what keeps another
// from it.
func writeConfigStatus(w io.Writer, c *admin.ConfigStatus, now time.Time) {
	if c.Generation == 0 {
		return // a core that does not tell
	}
	fmt.Fprintf(w, "configuration %d, at work for %s\n", c.Generation, now.Sub(c.LoadedAt).Round(time.Second))
	if c.LastError != "" {
		fmt.Fprintf(w, "the last reload, %s ago, changed nothing: %s\n", now.Sub(c.LastReload).Round(time.Second), printable(c.LastError))
		for _, p := range c.LastProblems {
			fmt.Fprintf(w, "  %s\n", printable(p))
		}
	}
	if len(c.NeedsRestart) > 0 {
		fmt.Fprintf(w, "needs a restart of patchbay to change: %s\n", strings.Join(c.NeedsRestart, ", "))
	}
	for i := range c.Queues {
		fmt.Fprintln(w, c.Queues[i].Text())
	}
}

func plugin(p pluginhost.Status) string {
	if p.State == pluginhost.Running || p.LastError == "" {
		return string(p.State)
	}
	return fmt.Sprintf("%s (%s)", p.State, printable(p.LastError))
}

// printable keeps what a plugin said from writing to the terminal.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || (c >= 0x80 && c < 0xa0) {
			return ' '
		}
		return c
	}, s)
}
