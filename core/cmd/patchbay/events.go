package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/spf13/cobra"
)

// maxEvents is what a running core tells at most at a time.
const maxEvents = 5000

func (a *app) eventsCommand() *cobra.Command {
	var p place
	var f inspect.Filter
	var since, until, where string
	var show bool
	cmd := &cobra.Command{
		Use:   "events [ID]",
		Short: "Search events, newest first",
		Long: `Events lists the newest events, duplicates and filtered ones included, with what
became of them in each sink. All conditions must hold. Personal data is masked.`,
		Example: `  patchbay events --status failed --since 1h
  patchbay events --where 'event.channel == "sms" && event.status_code == "30003"'
  patchbay events --sink kafka.stream --limit 500 --json`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if len(args) == 1 {
				f.ID = args[0]
			}
			if err := a.checkFilter(&f, since, until, where); err != nil {
				return err
			}
			return a.ask(cmd.Context(), &p, false, func(who asker) error {
				out, err := who.events(cmd.Context(), f, where, show)
				if err != nil {
					return err
				}
				return a.answer(out, nil, func() error {
					for i := range out.Events {
						fmt.Fprintln(a.stdout, out.Events[i].Line())
					}
					if len(out.Events) == 0 {
						a.note("no event is like that")
					}
					if out.Truncated {
						a.note("there may be more: raise --limit or ask for less")
					}
					return nil
				})
			})
		},
	}
	p.flags(cmd)
	fs := cmd.Flags()
	fs.StringVar(&f.Type, "type", "", "event_type, e.g. delivered")
	fs.StringVar(&f.Status, "status", "", "delivery_status, e.g. failed")
	fs.StringVar(&f.Channel, "channel", "", "sms, email, push or chatbot")
	fs.StringVar(&f.Source, "source", "", "address of the source, e.g. twilio.support")
	fs.StringVar(&f.Pipeline, "pipeline", "", "name of the pipeline")
	fs.StringVar(&f.Sink, "sink", "", "address of a sink that the events are meant for")
	fs.StringVar(&f.Outcome, "outcome", "", "staged, duplicate, filtered, ignored or dead_lettered")
	fs.StringVar(&since, "since", "", "received at or after: a time, a day, or how long ago (1h)")
	fs.StringVar(&until, "until", "", "received before")
	fs.StringVar(&where, "where", "", "a condition over event, as in a pipeline's filter")
	fs.IntVar(&f.Limit, "limit", 50, "how many events to list")
	fs.BoolVar(&show, "reveal", false, "show personal data as it is")
	return cmd
}

// checkFilter refuses what could never match, and reads what is written as text.
func (a *app) checkFilter(f *inspect.Filter, since, until, where string) (err error) {
	f.Source, f.Sink = strings.TrimPrefix(f.Source, "source."), strings.TrimPrefix(f.Sink, "sink.")
	for _, w := range []struct {
		flag, value string
		words       []string
	}{
		{"--type", f.Type, sdk.EventTypes()}, {"--status", f.Status, sdk.DeliveryStatuses()},
		{"--channel", f.Channel, sdk.Channels()},
		{"--outcome", f.Outcome, []string{"staged", "duplicate", "filtered", "ignored", "dead_lettered"}},
	} {
		if w.value != "" && !slices.Contains(w.words, w.value) {
			return unknownWord(w.flag, w.value, w.words)
		}
	}
	if f.Limit < 1 || f.Limit > maxEvents {
		return usage("--limit must be from 1 to %d", maxEvents)
	}
	if f.Since, err = a.parseTime("--since", since); err != nil {
		return err
	}
	if f.Until, err = a.parseTime("--until", until); err != nil {
		return err
	}
	if where == "" {
		return nil
	}
	var diags diag.List
	f.Where, diags = inspect.CompileWhere(where)
	a.files = map[string][]byte{inspect.WhereFile: []byte(where)}
	if diags.HasErrors() {
		return &problem{exit: exitInvalid, code: "invalid", err: fmt.Errorf("the condition of --where cannot be used"), diags: diags}
	}
	return nil
}

func unknownWord(flag, word string, words []string) error {
	if s := diag.Suggest(word, words); s != "" {
		return usage("%s has no %q; did you mean %q?", flag, word, s)
	}
	return usage("%s has no %q; it is one of %s", flag, word, strings.Join(words, ", "))
}

// parseTime reads a time, a day, or how long ago. Without a zone it is UTC.
func (a *app) parseTime(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return a.now().Add(-d.Abs()).UTC(), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usage("%s: %q is no time; write 2026-11-23T12:04:05Z, 2026-11-23 or 90m", flag, text)
}
