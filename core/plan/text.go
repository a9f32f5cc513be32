package plan

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// grouped writes a number with commas: 1,204.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func events(n int64) string {
	if n == 1 {
		return "1 event"
	}
	return grouped(n) + " events"
}

func waits(n int64) string {
	if n == 1 {
		return "1 queued event is"
	}
	return grouped(n) + " queued events are"
}

// sign is how an action is written.
func (a Action) sign() string {
	switch a {
	case Add:
		return "+"
	case Remove:
		return "-"
	case Modify:
	}
	return "~"
}

// text writes what differs.
func (a *Attribute) text() string {
	switch {
	case a.Path == "program":
		return "program changed"
	case strings.HasSuffix(a.Path, " content"):
		return a.Path + " changed"
	case a.Sensitive && a.Action == Modify:
		return a.Path + " (sensitive) changed"
	case a.Sensitive:
		return a.Path + " (sensitive)"
	case a.Action == Modify:
		return fmt.Sprintf("%s %s -> %s", a.Path, a.Old, a.New)
	}
	return strings.TrimRight(a.Path+" "+a.Old+a.New, " ")
}

// WriteText writes the plan for a person, without the line that says how to
// apply it.
func (p *Plan) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for i := range p.Changes {
		c := &p.Changes[i]
		if c.Action != Modify {
			word := map[Action]string{Add: "added", Remove: "removed"}[c.Action]
			fmt.Fprintf(w, "%s\t%s %s\t%s\n", c.Address, c.Action.sign(), word, c.Note)
			continue
		}
		address := c.Address
		for k := range c.Attributes {
			a := &c.Attributes[k]
			fmt.Fprintf(w, "%s\t%s %s\t%s\n", address, a.Action.sign(), a.text(), a.Note)
			address = ""
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("plan: write: %w", err)
	}
	for _, q := range p.Queues {
		fmt.Fprintf(out, "%s\n", q.Text())
	}
	return nil
}

// Text says what becomes of a queue without a reader.
func (q *Queue) Text() string {
	what := events(q.Waiting)
	if strings.HasPrefix(q.Reader, "pipeline.") {
		what = strings.Replace(what, "event", "request", 1)
	}
	return fmt.Sprintf("%s of %s: %s takes nothing from there any more; kept until it does, or given up with --discard-queue %s",
		what, q.From, q.Reader, q.Reader)
}

// String counts the plan's lines: "2 in place, 1 restart, 0 removed".
func (s Summary) String() string {
	var parts []string
	if s.Added > 0 {
		parts = append(parts, fmt.Sprintf("%d added", s.Added))
	}
	restarts := "restarts"
	if s.Restarts == 1 {
		restarts = "restart"
	}
	parts = append(parts, fmt.Sprintf("%d in place", s.InPlace), fmt.Sprintf("%d %s", s.Restarts, restarts), fmt.Sprintf("%d removed", s.Removed))
	switch {
	case s.NeedsRestart == 1:
		parts = append(parts, "1 needs a restart of patchbay")
	case s.NeedsRestart > 1:
		parts = append(parts, fmt.Sprintf("%d need a restart of patchbay", s.NeedsRestart))
	}
	return strings.Join(parts, ", ")
}
