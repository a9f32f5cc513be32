package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/spf13/cobra"
)

// dlqFlags select dead letters.
type dlqFlags struct {
	place
	filter inspect.DeadLetterFilter
}

func (d *dlqFlags) flags(cmd *cobra.Command, state string) {
	d.place.flags(cmd)
	fs := cmd.Flags()
	fs.StringVar(&d.filter.Pipeline, "pipeline", "", "name of the pipeline")
	fs.StringVar(&d.filter.Sink, "sink", "", "address of the sink that refused, e.g. kafka.stream")
	fs.StringVar(&d.filter.Source, "source", "", "address of the source, e.g. twilio.support")
	fs.StringVar(&d.filter.Code, "code", "", "code of the refusal, e.g. malformed")
	fs.IntVar(&d.filter.Limit, "limit", 100, "how many at most")
	if state != "" {
		fs.StringVar(&d.filter.State, "state", state, "open, retrying, resolved, discarded or all")
	}
}

// check refuses what could never match.
func (d *dlqFlags) check() error {
	states := []string{string(journal.DeadOpen), string(journal.DeadRetrying), string(journal.DeadResolved), string(journal.DeadDiscarded), "all"}
	if d.filter.State != "" && !slices.Contains(states, d.filter.State) {
		return unknownWord("--state", d.filter.State, states)
	}
	if d.filter.State == "all" {
		d.filter.State = ""
	}
	if d.filter.Limit < 1 || d.filter.Limit > maxEvents {
		return usage("--limit must be from 1 to %d", maxEvents)
	}
	d.filter.Source, d.filter.Sink = strings.TrimPrefix(d.filter.Source, "source."), strings.TrimPrefix(d.filter.Sink, "sink.")
	return nil
}

func (a *app) dlqCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "List, show, retry or discard dead letters",
		Long: `A dead letter is a request, or a part of one, that its source could not parse, or
an event that a sink refused for good. It is kept with its reason until somebody
retries or discards it.`,
		Example: "  patchbay dlq list\n  patchbay dlq retry 7",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.helpOn(cmd) },
	}
	cmd.AddCommand(a.dlqListCommand(), a.dlqShowCommand(),
		a.dlqChangeCommand("retry", "retried", "Try dead letters again", asker.retry),
		a.dlqChangeCommand("discard", "discarded", "Give dead letters up", asker.discard))
	return cmd
}

func (a *app) dlqListCommand() *cobra.Command {
	var d dlqFlags
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List dead letters, oldest first",
		Long:    "List tells of the dead letters that the flags select, the open ones if none does: what\nwas refused, by whom, and why. Personal data is masked.",
		Example: "  patchbay dlq list\n  patchbay dlq list --sink kafka.stream --code too_large --state all",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := d.check(); err != nil {
				return err
			}
			return a.ask(cmd.Context(), &d.place, false, func(who asker) error {
				out, err := who.deadLetters(cmd.Context(), d.filter, false)
				if err != nil {
					return err
				}
				return a.answer(out, nil, func() error {
					for i := range out.DeadLetters {
						fmt.Fprintln(a.stdout, out.DeadLetters[i].Line())
					}
					if len(out.DeadLetters) == 0 {
						a.note("no dead letter is like that")
					}
					if out.Truncated {
						a.note("there are more: raise --limit or ask for less")
					}
					return nil
				})
			})
		},
	}
	d.flags(cmd, string(journal.DeadOpen))
	return cmd
}

func parseID(text string) (uint64, error) {
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, usage("%q is no dead letter's id, which is a number", text)
	}
	return id, nil
}

func (a *app) dlqShowCommand() *cobra.Command {
	var p place
	var show bool
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Show a dead letter",
		Long:    "Show tells of one dead letter all that is known, the refused bytes included. Personal\ndata is masked.",
		Example: "  patchbay dlq show 7\n  patchbay dlq show 7 --reveal",
		Args:    exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseID(args[0])
			if err != nil {
				return err
			}
			return a.ask(cmd.Context(), &p, false, func(who asker) error {
				d, err := who.deadLetter(cmd.Context(), id, show)
				if err != nil {
					return err
				}
				return a.answer(d, nil, func() error { return d.WriteText(a.stdout) })
			})
		},
	}
	p.flags(cmd)
	cmd.Flags().BoolVar(&show, "reveal", false, "show personal data and the refused bytes as they are")
	return cmd
}

// changed is what became of one dead letter.
type changed struct {
	ID    uint64 `json:"id"`
	Done  bool   `json:"done"`
	Error string `json:"error,omitempty"`
}

type change func(asker, context.Context, uint64) (*inspect.DeadLetterInfo, error)

func (a *app) dlqChangeCommand(verb, past, short string, do change) *cobra.Command {
	var d dlqFlags
	var yes bool
	cmd := &cobra.Command{
		Use:   verb + " [ID...]",
		Short: short,
		Long: short + `: those with the given IDs, or the open ones that the
flags select. With flags it shows what it would do first; add --yes to do it.`,
		Example: fmt.Sprintf("  patchbay dlq %s 7 9\n  patchbay dlq %s --sink kafka.stream --code too_large --yes", verb, verb),
		RunE: func(cmd *cobra.Command, args []string) error {
			d.filter.State = string(journal.DeadOpen)
			if err := d.check(); err != nil {
				return err
			}
			ids, err := parseIDs(args)
			if err != nil {
				return err
			}
			if f := d.filter; len(ids) == 0 && f.Pipeline+f.Sink+f.Source+f.Code == "" {
				return usage("say which: give IDs, or select with --pipeline, --sink, --source or --code")
			}
			write := verb == "discard" && (yes || len(ids) > 0)
			return a.ask(cmd.Context(), &d.place, write, func(who asker) error {
				if len(ids) > 0 {
					return a.changeAll(cmd.Context(), who, past, ids, do)
				}
				return a.changeSelected(cmd.Context(), who, verb, past, &d, yes, do)
			})
		},
	}
	d.flags(cmd, "")
	cmd.Flags().BoolVar(&yes, "yes", false, "do it, instead of showing what would be done")
	return cmd
}

func parseIDs(args []string) (ids []uint64, err error) {
	for _, arg := range args {
		id, err := parseID(arg)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// sampleSize is how many dead letters a preview shows.
const sampleSize = 5

func (a *app) changeSelected(ctx context.Context, who asker, verb, past string, d *dlqFlags, yes bool, do change) error {
	out, err := who.deadLetters(ctx, d.filter, false)
	if err != nil {
		return err
	}
	if yes {
		var ids []uint64
		for i := range out.DeadLetters {
			ids = append(ids, out.DeadLetters[i].ID)
		}
		return a.changeAll(ctx, who, past, ids, do)
	}
	return a.answer(out, nil, func() error {
		more := ""
		if out.Truncated {
			more = " or more"
		}
		fmt.Fprintf(a.stdout, "%s%s would be %s:\n", count(len(out.DeadLetters), "dead letter"), more, past)
		for i := range out.DeadLetters[:min(sampleSize, len(out.DeadLetters))] {
			fmt.Fprintln(a.stdout, out.DeadLetters[i].Line())
		}
		_, err := fmt.Fprintf(a.stdout, "Nothing was done. Add --yes to %s them, --limit many at a time.\n", verb)
		return err
	})
}

// changeAll goes on after one that fails, so that one bad dead letter does not
// keep the others, but not after the core is gone.
func (a *app) changeAll(ctx context.Context, who asker, past string, ids []uint64, do change) error {
	results := []changed{}
	var first error
	done := 0
	for _, id := range ids {
		r := changed{ID: id, Done: true}
		_, err := do(who, ctx, id)
		if err != nil {
			r.Done, r.Error = false, err.Error()
		} else {
			done++
		}
		results = append(results, r)
		if !a.json {
			a.changedLine(past, r)
		}
		if err == nil {
			continue
		}
		if first == nil {
			first = err
		}
		if p := classify(err); p.exit == exitUnreachable && p.code != "retry_failed" {
			break
		}
	}
	if first == nil {
		return a.answer(results, nil, func() error { return nil })
	}
	p := classify(first)
	err := fmt.Errorf("%d of %d %s; the first error: %w", done, len(ids), past, first)
	return &problem{exit: p.exit, code: p.code, err: err, data: results}
}

func (a *app) changedLine(past string, r changed) {
	if r.Done {
		fmt.Fprintf(a.stdout, "%d %s\n", r.ID, past)
		return
	}
	fmt.Fprintf(a.stdout, "%d not %s: %s\n", r.ID, past, r.Error)
}
