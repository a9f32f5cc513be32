package testrun

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/core/journal"
)

// WriteText renders the report for a person. verbose tells of passed tests what
// is told of failed ones.
func (r *Report) WriteText(w io.Writer, verbose bool) error {
	b := bufio.NewWriter(w) // it keeps the first error until Flush
	for i := range r.Tests {
		r.Tests[i].write(b, verbose)
	}
	for _, m := range r.NotReached {
		fmt.Fprintf(b, "not tested: %s\n", clean(m))
	}
	fmt.Fprintf(b, "%d passed, %d failed", r.Passed, r.Failed)
	if r.Skipped > 0 {
		fmt.Fprintf(b, ", %d not asked for", r.Skipped)
	}
	fmt.Fprintf(b, " in %.1f s.\n", float64(r.TookMillis)/1000)
	if err := b.Flush(); err != nil {
		return fmt.Errorf("testrun: write: %w", err)
	}
	return nil
}

func (r *Result) write(b *bufio.Writer, verbose bool) {
	verdict := "ok     "
	if !r.Passed {
		verdict = "FAILED "
	}
	fmt.Fprintf(b, "%s %s   %s, %d ms\n", verdict, clean(r.Name), clean(r.Where), r.TookMillis)
	if r.Error != "" {
		fmt.Fprintf(b, "    it could not be run: %s\n", clean(r.Error))
	}
	for _, f := range r.Failures {
		fmt.Fprintf(b, "    %s: want %s, got %s\n", clean(f.Where), clean(f.Want), clean(f.Got))
		for _, d := range f.Differences {
			fmt.Fprintf(b, "        %-20s want %s, got %s\n", clean(d.Field), shown(d.Want), shown(d.Got))
		}
	}
	if r.Passed && !verbose {
		return
	}
	for _, q := range r.Received {
		fmt.Fprintf(b, "    %s\n", clean(q.summary(r.Authenticated)))
		for i := range q.Events {
			fmt.Fprintf(b, "        %s\n", clean(event(&q.Events[i])))
		}
	}
}

func shown(s *string) string {
	if s == nil {
		return "not set"
	}
	return fmt.Sprintf("%q", *s)
}

func (q *Received) summary(authenticated bool) string {
	out := fmt.Sprintf("%s: source.%s answered %d", q.File, q.Source, q.Status)
	switch {
	case q.Refused != "":
		return out + ", refused: " + q.Refused
	case q.Ref == "":
		return out + ", not stored: a handshake"
	case !authenticated:
		return out + "; its signature was not checked"
	}
	return out
}

// event says of an event what it is and where it went.
func event(e *inspect.Event) string {
	what := strings.Trim(e.Channel+"/"+e.EventType, "/")
	facts := make([]string, 0, 6)
	for _, f := range [][2]string{
		{"message", e.MessageID}, {"recipient", e.Recipient}, {"status", e.DeliveryStatus}, {"code", e.StatusCode}, {"reason", e.ErrorReason},
	} {
		if f[1] != "" {
			facts = append(facts, f[0]+" "+f[1])
		}
	}
	out := strings.TrimSpace(what + "  " + strings.Join(facts, ", "))
	if d := e.DeadLetter; d != nil {
		return strings.TrimSpace(fmt.Sprintf("%s  -> dead letter %q: %s", out, d.Code, d.Reason))
	}
	if e.Outcome != journal.Staged.String() {
		return strings.TrimSpace(fmt.Sprintf("%s  -> %s by %s: %s", out, strings.ReplaceAll(e.Outcome, "_", "-"), e.By, e.Detail))
	}
	sinks := make([]string, 0, len(e.Deliveries))
	for _, d := range e.Deliveries {
		sinks = append(sinks, "sink."+d.Sink)
	}
	return out + "  -> " + strings.Join(sinks, ", ")
}

// clean makes text from outside harmless for a terminal.
func clean(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) {
			return utf8.RuneError
		}
		return c
	}, s)
}
