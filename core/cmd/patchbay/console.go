package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/patchbay-io/patchbay/core/console"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/spf13/cobra"
)

// maxEventFile is the size of the largest file with an event.
const maxEventFile = 16 << 20

// consoleOptions are what console is asked for.
type consoleOptions struct {
	place  place
	file   string
	id     string
	found  []string
	reveal bool
}

func (a *app) consoleCommand() *cobra.Command {
	var o consoleOptions
	cmd := &cobra.Command{
		Use:   "console [DIR]",
		Short: "Try event expressions out on a recorded event",
		Long: `Console reads expressions, one a line, and tells the value and type of each, as a
pipeline would compute them. They may refer to event, to found if --found names
columns, and to now(). The event comes from a file, as sinks write it, or from
the journal of the configuration in DIR, then without the provider's document;
without either every field is missing. Personal data is masked.

Lines that start with a dot are commands: .help, .fields, .event, .quit. Where
standard input is no terminal, mistakes go to standard error, and the exit code
is 2 if there was one.`,
		Example: `  patchbay console --event event.json
  patchbay console --id SM0123456789abcdef0123456789abcdef --found tier=gold
  echo 'event.delivery_status == "failed"' | patchbay console --event event.json --json`,
		Args:              atMost(1),
		ValidArgsFunction: directories,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.file != "" && o.id != "" {
				return usage("--event and --id name an event each: leave one out")
			}
			o.place.dir = dirArg(args)
			s, err := a.consoleSession(cmd.Context(), &o)
			if err != nil {
				return err
			}
			r := &consoleRun{a: a, s: s, people: isTerminal(cmd.InOrStdin()) && !a.json}
			return r.run(cmd.InOrStdin())
		},
	}
	cmd.Flags().StringVar(&o.file, "event", "", "JSON file with an event, as sinks write it")
	cmd.Flags().StringVar(&o.id, "id", "", "newest event in the journal with this id")
	cmd.Flags().StringArrayVar(&o.found, "found", nil, "COLUMN=VALUE of a lookup's row; may be repeated")
	cmd.Flags().BoolVar(&o.reveal, "reveal", false, "show personal data as it is")
	cmd.Flags().StringVar(&o.place.dataDir, "data-dir", "", "data directory, instead of the configuration's")
	return cmd
}

func (a *app) consoleSession(ctx context.Context, o *consoleOptions) (*console.Session, error) {
	s := &console.Session{Event: &sdk.Event{}, Now: a.now().UTC(), Reveal: o.reveal}
	if len(o.found) > 0 {
		row, err := console.Row(o.found)
		if err != nil {
			return nil, usage("--found %v", err)
		}
		s.Found = row
	}
	var err error
	switch {
	case o.file != "":
		s.Event, err = eventFile(o.file)
	case o.id != "":
		s.Event, err = a.eventOf(ctx, &o.place, o.id)
	}
	return s, err
}

func eventFile(name string) (*sdk.Event, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, badPath(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxEventFile+1))
	if err != nil {
		return nil, badPath(err)
	}
	if len(data) > maxEventFile {
		return nil, usage("%s is larger than %d bytes", name, maxEventFile)
	}
	e, err := console.ParseEvent(data)
	if err != nil {
		return nil, &problem{exit: exitInvalid, code: "invalid", err: fmt.Errorf("%s: %w", name, err)}
	}
	return e, nil
}

func (a *app) eventOf(ctx context.Context, p *place, id string) (e *sdk.Event, err error) {
	err = a.ask(ctx, p, false, func(who asker) error {
		found, err := who.events(ctx, inspect.Filter{ID: id, Limit: 1}, "", true)
		if err != nil {
			return err
		}
		if len(found.Events) == 0 {
			return &problem{exit: exitInvalid, code: "not_found", err: fmt.Errorf("no event has the id %q", id)}
		}
		e, err = console.FromJournal(&found.Events[0])
		return err
	})
	return e, err
}

// consoleRun is one run of the console.
type consoleRun struct {
	a      *app
	s      *console.Session
	people bool // somebody is typing
	line   int
	out    []consoleAnswer
	wrong  int
}

// consoleAnswer is what programs are told of a line.
type consoleAnswer struct {
	*console.Answer
	Diagnostics json.RawMessage `json:"diagnostics,omitempty"`
}

func (r *consoleRun) run(stdin io.Reader) error {
	in := bufio.NewScanner(stdin)
	in.Buffer(nil, console.MaxLine+2)
	r.out = []consoleAnswer{}
	r.prompt()
	for in.Scan() {
		r.line++
		text := strings.TrimSpace(in.Text())
		switch {
		case text == "" || strings.HasPrefix(text, "#"):
		case text == ".quit":
			return r.finish()
		case strings.HasPrefix(text, "."):
			r.command(text)
		default:
			r.eval(text)
		}
		r.prompt()
	}
	if err := in.Err(); errors.Is(err, bufio.ErrTooLong) {
		return usage("line %d is longer than %d bytes", r.line+1, console.MaxLine)
	} else if err != nil {
		return fmt.Errorf("console: %w", err)
	}
	return r.finish()
}

func (r *consoleRun) prompt() {
	if r.people {
		fmt.Fprint(r.a.stderr, "> ")
	}
}

func (r *consoleRun) finish() error {
	data := struct {
		Results []consoleAnswer `json:"results"`
	}{r.out}
	if r.wrong > 0 && !r.people {
		return &problem{
			exit: exitInvalid, code: "invalid", data: data, shown: true,
			err: fmt.Errorf("%s could not be evaluated", count(r.wrong, "line")),
		}
	}
	return r.a.answer(data, nil, func() error { return nil })
}

func (r *consoleRun) eval(text string) {
	answer, diags := r.s.Eval(text, stdinName, r.line)
	files := map[string][]byte{stdinName: []byte(text)}
	if diags.HasErrors() {
		r.wrong++
	}
	if r.a.json {
		r.a.files = files
		out := consoleAnswer{Answer: answer, Diagnostics: r.a.jsonDiagnostics(diags)}
		if answer == nil {
			out.Answer = &console.Answer{Expression: text}
		}
		r.out = append(r.out, out)
		return
	}
	r.problems(diags, files)
	if answer != nil {
		fmt.Fprintln(r.a.stdout, answer)
	}
}

func (r *consoleRun) problems(diags diag.List, files map[string][]byte) {
	if len(diags) > 0 {
		_ = diags.WriteText(r.a.stderr, files) // nothing can be told to whoever doesn't listen
	}
}

const consoleHelp = `An expression gives its value and type: event.channel == "sms"
.fields   the event's fields that are set
.event    the whole event, with --reveal
.quit     end; so does the end of the input
patchbay docs event and patchbay docs functions say what there is.`

// command does what a line that starts with a dot asks for.
func (r *consoleRun) command(text string) {
	switch text {
	case ".fields":
		for _, f := range r.s.Fields() {
			if r.a.json {
				r.out = append(r.out, consoleAnswer{Answer: f})
				continue
			}
			fmt.Fprintf(r.a.stdout, "%s = %s\n", f.Expression, f)
		}
		return
	case ".event":
		if r.s.Reveal && !r.a.json {
			fmt.Fprintf(r.a.stdout, "%s\n", r.s.Event.AppendJSON(nil))
			return
		}
		r.a.note("the whole event is shown with --reveal, as text; .fields shows its fields")
		return
	case ".help":
		r.a.note("%s", consoleHelp)
		return
	}
	r.wrong++
	r.a.note("line %d: there is no command %s; .help lists them", r.line, text)
}
