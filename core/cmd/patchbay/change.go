package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"

	"github.com/patchbay-io/patchbay/core/admin"
	"github.com/patchbay-io/patchbay/core/plan"
	"github.com/spf13/cobra"
)

// changeFlags lead to the core whose configuration is to change.
type changeFlags struct {
	dataDir string
}

func (c *changeFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.dataDir, "data-dir", "", "data directory of the running core, instead of the configuration's")
}

// connect finds the core that runs the configuration in dir.
func (a *app) connect(ctx context.Context, dir string, c *changeFlags) (*admin.Client, error) {
	data, err := a.data(&place{dir: dir, dataDir: c.dataDir})
	if err != nil {
		return nil, err
	}
	client, err := admin.Connect(ctx, data)
	if errors.Is(err, admin.ErrNoCore) {
		return nil, unreachable("no core is running on %s, so there is nothing to change; check the configuration with: patchbay validate %s", data, dir)
	}
	return client, err
}

func (a *app) planCommand() *cobra.Command {
	var c changeFlags
	cmd := &cobra.Command{
		Use:   "plan [DIR]",
		Short: "Show what the configuration's files would change in the running core",
		Long: `Plan has the running core read its configuration again, with the environment and
the flags that it was started with, and shows what applying it would do: what
changes in place, what is restarted, what becomes of the work in hand and of what
waits. Plugins look at their new arguments. Nothing is changed.

Exit code 0: nothing would change, 4: something would.`,
		Example:           "  patchbay plan\n  patchbay plan /etc/patchbay --json",
		ValidArgsFunction: directories,
		Args:              atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.connect(cmd.Context(), dirArg(args), &c)
			if err != nil {
				return err
			}
			out, err := a.plan(cmd.Context(), client)
			if err != nil {
				return err
			}
			if out.Plan.Empty() {
				return a.answer(out, nil, func() error { return a.showPlan(out.Plan) })
			}
			if !a.json {
				if err := a.showPlan(out.Plan); err != nil {
					return err
				}
				fmt.Fprintf(a.stdout, "Plan %s: %s. Apply: patchbay apply %s%s\n", out.Plan.ID, out.Plan.Summary, out.Plan.ID, suffix(args))
			}
			return &problem{exit: exitDifferences, code: "differences", err: errors.New("applying the configuration would change something"), data: out, shown: true}
		},
	}
	c.flags(cmd)
	return cmd
}

// suffix repeats the arguments of a command in a hint.
func suffix(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return " " + strings.Join(args, " ")
}

// plan asks for a plan. A configuration with errors is a problem, shown already.
func (a *app) plan(ctx context.Context, client *admin.Client) (*admin.Planned, error) {
	out := new(admin.Planned)
	if err := client.Post(ctx, "config/plan", out); err != nil {
		return nil, err
	}
	a.showFindings(&out.Findings)
	if out.Plan == nil {
		return nil, &problem{exit: exitInvalid, code: "invalid_configuration", err: admin.ErrInvalid, data: out}
	}
	return out, nil
}

func (a *app) showFindings(f *admin.Findings) {
	if !a.json && f.Text != "" {
		fmt.Fprintln(a.stderr, strings.TrimRight(f.Text, "\n"))
	}
}

func (a *app) showPlan(p *plan.Plan) error {
	if err := p.WriteText(a.stdout); err != nil {
		return err
	}
	if p.Empty() {
		fmt.Fprintln(a.stdout, "Nothing would change: what runs is what the files say.")
	}
	return nil
}

// planID is how the id of a plan looks.
var planID = regexp.MustCompile(`^[0-9a-f]{10}$`)

// applyFlags are what apply is told.
type applyFlags struct {
	changeFlags
	yes     bool
	discard []string
	stdin   io.Reader
}

func (a *app) applyCommand() *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use:   "apply [PLAN] [DIR]",
		Short: "Change the running core to what the configuration's files say",
		Long: `Apply changes the running core to the configuration in its files, touching only
what differs: the receiver stays open, and what is the same runs on. With the id
of a plan it does exactly what that plan showed, or nothing if anything has
changed since. Without one it shows the plan and asks, or does it at once with
--yes.

If something of the new configuration does not start, nothing is changed.

What a removed sink did not take stays in the journal until the sink is back.
--discard-queue gives it up: it becomes dead letters, which can be listed, and
retried once there is such a sink again.`,
		Example: `  patchbay apply 9f3a2c41d0
  patchbay apply --yes
  patchbay apply --yes --discard-queue sink.kafka.old`,
		Args: atMost(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			id := ""
			if len(args) > 0 && planID.MatchString(args[0]) {
				id, args = args[0], args[1:]
			}
			if len(args) > 1 {
				return usage("%q is not the id of a plan: patchbay plan shows it; without one, give the directory alone", args[0])
			}
			client, err := a.connect(cmd.Context(), dirArg(args), &f.changeFlags)
			if err != nil {
				return err
			}
			f.stdin = cmd.InOrStdin()
			return a.apply(cmd.Context(), client, id, &f)
		},
	}
	f.flags(cmd)
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do it without asking")
	cmd.Flags().StringArrayVar(&f.discard, "discard-queue", nil, "removed sink or pipeline, e.g. sink.kafka.old, whose queue becomes dead letters; may be repeated")
	return cmd
}

func (a *app) apply(ctx context.Context, client *admin.Client, id string, f *applyFlags) error {
	if id == "" {
		out, err := a.plan(ctx, client)
		if err != nil {
			return err
		}
		if out.Plan.Empty() && len(f.discard) == 0 {
			return a.answer(admin.Applied{Plan: out.Plan, Findings: out.Findings}, nil, func() error { return a.showPlan(out.Plan) })
		}
		if err := a.confirm(out, f); err != nil {
			return err
		}
		id = out.Plan.ID
	}
	out := new(admin.Applied)
	err := client.PostWith(ctx, "config/apply", url.Values{"id": {id}, "discard": f.discard}, out)
	return a.applied(out, err)
}

// confirm shows a plan and asks for leave, unless it was given before.
func (a *app) confirm(out *admin.Planned, f *applyFlags) error {
	if a.json && f.yes {
		return nil
	}
	if !a.json {
		if err := a.showPlan(out.Plan); err != nil {
			return err
		}
	}
	if f.yes {
		return nil
	}
	notDone := &problem{
		exit: exitDifferences, code: "not_confirmed", data: out,
		err: fmt.Errorf("nothing was done: add --yes, or name the plan: patchbay apply %s", out.Plan.ID),
	}
	if a.json || !isTerminal(f.stdin) {
		return notDone
	}
	fmt.Fprintf(a.stderr, "Plan %s: %s. Apply it? [y/N] ", out.Plan.ID, out.Plan.Summary)
	line, err := bufio.NewReader(f.stdin).ReadString('\n')
	if word := strings.ToLower(strings.TrimSpace(line)); err != nil || (word != "y" && word != "yes") {
		return notDone
	}
	return nil
}

// applied tells how a change ended.
func (a *app) applied(out *admin.Applied, err error) error {
	if err != nil {
		a.showFindings(&out.Findings)
		p := classify(err)
		return &problem{exit: p.exit, code: p.code, err: err, data: out}
	}
	return a.answer(out, nil, func() error {
		a.showFindings(&out.Findings)
		for _, note := range out.Notes {
			fmt.Fprintln(a.stdout, note)
		}
		for i := range out.Queues {
			fmt.Fprintln(a.stdout, out.Queues[i].Text())
		}
		done := "Nothing changed"
		if !out.Plan.Empty() {
			done = "Applied: " + out.Plan.Summary.String()
		}
		_, err := fmt.Fprintf(a.stdout, "%s. Configuration %d is at work.\n", done, out.Generation)
		return err
	})
}

func (a *app) reloadCommand() *cobra.Command {
	var c changeFlags
	cmd := &cobra.Command{
		Use:   "reload [DIR]",
		Short: "Have the running core read its configuration again and change to it",
		Long: `Reload does what SIGHUP does, and waits for the outcome: the running core reads
its configuration again and changes to it. One with mistakes changes nothing.
patchbay plan shows beforehand what would happen.`,
		Example:           "  patchbay reload\n  kill -HUP $(pidof patchbay)",
		ValidArgsFunction: directories,
		Args:              atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.connect(cmd.Context(), dirArg(args), &c)
			if err != nil {
				return err
			}
			out := new(admin.Applied)
			return a.applied(out, client.Post(cmd.Context(), "config/reload", out))
		},
	}
	c.flags(cmd)
	return cmd
}
