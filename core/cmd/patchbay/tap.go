package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/admin"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/core/tap"
	"github.com/spf13/cobra"
)

// watching is what tap was asked for, and what it has shown.
type watching struct {
	place
	spec  tap.Spec
	where string
	limit int
	time  time.Duration

	began    bool
	shown    int
	passed   uint64
	notShown uint64
}

func (a *app) tapCommand() *cobra.Command {
	var t watching
	cmd := &cobra.Command{
		Use:   "tap [PLACE...]",
		Short: "Watch events of a running core as they pass",
		Long: `Tap shows events as they pass places of a running core, until Ctrl-C. Places are

  pipeline.NAME:parsed      what a source's plugin found, before the first stage
  pipeline.NAME:STAGE       a stage: dedup, filter, enrich.LABEL, route.LABEL
  pipeline.NAME:staged      what waits for sinks
  pipeline.NAME:ended       what goes nowhere: duplicate, filtered, dead-lettered
  sink.TYPE.NAME:delivered  also retry and failed

and may be written as patterns: * stands for any characters, and a pattern
without a colon for either side of it. Without a place staged and ended are
shown. One that matches no place of the running core is refused, with the places
there are. --in shows events on their way into a stage, --out as they leave it.

What is shown has happened. Watching never delays events: what passes faster
than a person can follow is counted, not shown. Personal data is
masked. With --json there is a line of JSON for each event, and a last one with
the counts.`,
		Example: `  patchbay tap
  patchbay tap 'sink.*' --where 'event.channel == "sms"'
  patchbay tap --in 'enrich.*' --out 'enrich.*' --count 10
  patchbay tap 'pipeline.messaging:*' --for 10s --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			t.spec.Out = append(t.spec.Out, args...)
			if err := a.checkTap(&t); err != nil {
				return err
			}
			dir, err := a.data(&t.place)
			if err != nil {
				return err
			}
			c, err := admin.Connect(cmd.Context(), dir)
			if errors.Is(err, admin.ErrNoCore) {
				return unreachable("%v; there is nothing to watch until one is: patchbay run", err)
			}
			if err != nil {
				return err
			}
			return a.watch(cmd.Context(), c, &t)
		},
	}
	t.flags(cmd)
	cmd.Flags().StringArrayVar(&t.spec.In, "in", nil, "show events on their way into these stages; may be repeated")
	cmd.Flags().StringArrayVar(&t.spec.Out, "out", nil, "show events as they leave these stages or pass these places")
	cmd.Flags().StringVar(&t.where, "where", "", "a condition over event, as in a pipeline's filter")
	cmd.Flags().StringVar(&t.where, "filter", "", "the same as --where")
	_ = cmd.Flags().MarkHidden("filter") // it exists: the line before made it
	cmd.Flags().IntVarP(&t.limit, "count", "n", 0, "end after so many events")
	cmd.Flags().DurationVar(&t.time, "for", 0, "end after so long, e.g. 10s")
	return cmd
}

func (a *app) checkTap(t *watching) error {
	if err := t.spec.Check(); err != nil {
		return usage("%v; write a place such as pipeline.messaging:staged, or a pattern such as 'sink.*'", err)
	}
	if t.limit < 0 || t.time < 0 {
		return usage("--count and --for can't be negative")
	}
	if t.where == "" {
		return nil
	}
	var diags diag.List
	_, diags = inspect.CompileWhere(t.where)
	a.files = map[string][]byte{inspect.WhereFile: []byte(t.where)}
	if diags.HasErrors() {
		return &problem{exit: exitInvalid, code: "invalid", err: errors.New("the condition of --where cannot be used"), diags: diags}
	}
	return nil
}

// errEnough ends a tap that has shown what it should.
var errEnough = errors.New("enough")

func (a *app) watch(ctx context.Context, c *admin.Client, t *watching) error {
	// The end of the time, and Ctrl-C, are how a tap is meant to end.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if t.time > 0 {
		ctx, cancel = context.WithTimeout(ctx, t.time)
		defer cancel()
	}
	q := url.Values{"in": t.spec.In, "out": t.spec.Out}
	if t.where != "" {
		q.Set("where", t.where)
	}
	err := c.Stream(ctx, "tap", q, func(line []byte) error { return a.passing(t, line) })
	if err != nil && !errors.Is(err, errEnough) && ctx.Err() == nil {
		return err
	}
	if a.json {
		return a.envelope(envelope{OK: true, Command: a.command, Data: struct {
			Shown    int    `json:"shown"`
			Passed   uint64 `json:"passed"`
			NotShown uint64 `json:"not_shown"`
		}{t.shown, t.passed, t.notShown}})
	}
	a.note("tap: %d shown, %d passed, %d not shown", t.shown, t.passed, t.notShown)
	return nil
}

// passing shows one line of the answer.
func (a *app) passing(t *watching, line []byte) error {
	var x admin.TapLine
	if err := json.Unmarshal(line, &x); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if !t.began {
		t.began = true
		a.note("tap: watching, Ctrl-C ends it")
	}
	if n := x.Counts; n != nil {
		if n.NotShown > t.notShown && !a.json {
			a.note("tap: %d not shown so far", n.NotShown)
		}
		t.passed, t.notShown = n.Passed, n.NotShown
	}
	if x.Event == nil {
		return nil
	}
	t.shown++
	if err := a.passed(x.Event); err != nil {
		return err
	}
	if t.shown == t.limit {
		return errEnough
	}
	return nil
}

func (a *app) passed(e *admin.TapEvent) error {
	var err error
	if a.json {
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		err = enc.Encode(e)
	} else {
		where := e.Place
		if e.Direction == "in" {
			where = "> " + where
		}
		_, err = fmt.Fprintln(a.stdout, e.Event.Passing(e.At, where, became(e)))
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// became says what became of an event at its place.
func became(e *admin.TapEvent) string {
	var parts []string
	if e.Outcome != "" && e.Outcome != "staged" && !strings.HasSuffix(e.Place, ":"+e.Outcome) {
		parts = append(parts, strings.ReplaceAll(e.Outcome, "_", "-"))
	}
	if e.Detail != "" {
		parts = append(parts, e.Detail)
	}
	if len(e.Sinks) > 0 && strings.HasPrefix(e.Place, "pipeline.") {
		parts = append(parts, "-> "+strings.Join(e.Sinks, ", "))
	}
	return strings.Join(parts, "  ")
}
