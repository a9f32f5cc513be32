package testrun

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/sdk"
	"golang.org/x/text/unicode/norm"
)

// checker compares what happened with what was expected.
type checker struct {
	*happened
	now    time.Time
	reveal bool
}

// check returns nil if an expectation is met.
func (c *checker) check(x *config.Expect) *Failure {
	n, differences := c.count(x)
	if n == x.Count || x.Count < 0 && n > 0 {
		return nil
	}
	f := &Failure{Where: place(x.Range.Filename, x.Range.Start.Line), Want: want(x), Got: c.got(x, n)}
	if n == 0 {
		f.Differences = differences
	}
	return f
}

// count is how often what x is about happened. differences are those of the
// event that came nearest.
func (c *checker) count(x *config.Expect) (n int, differences []Difference) {
	switch x.Kind {
	case config.ExpectEvent:
		return c.events(x)
	case config.ExpectDeadLetter:
		for _, d := range c.dead {
			if x.Word == "" || d.Code == x.Word {
				n++
			}
		}
	case config.ExpectRefused:
		for _, r := range c.received {
			if r.Refused != "" && (x.Word == "" || r.Refused == x.Word) {
				n++
			}
		}
	default:
		n = c.ended(map[string]journal.Outcome{
			config.ExpectFiltered: journal.Filtered, config.ExpectDuplicate: journal.Duplicate, config.ExpectIgnored: journal.Ignored,
		}[x.Kind])
	}
	return n, nil
}

func (c *checker) ended(as journal.Outcome) (n int) {
	for _, o := range c.outcomes {
		if o.note != nil && o.note.Outcome == as {
			n++
		}
	}
	return n
}

func (c *checker) events(x *config.Expect) (n int, nearest []Difference) {
	best := -1
	env := expr.Env{Now: c.now}
	for _, o := range c.outcomes {
		if o.note != nil || x.Sink != nil && !slices.Contains(o.sinks, x.Sink.Address) {
			continue
		}
		env.Reset(o.event)
		diffs := c.compare(x.Fields, &env)
		if x.When != nil && !x.When.Eval(&env) {
			diffs = append(diffs, Difference{Field: "when", Want: text("true"), Got: text("false")})
		}
		if len(diffs) == 0 {
			n++
		} else if best < 0 || len(diffs) < best {
			best, nearest = len(diffs), diffs
		}
	}
	return n, nearest
}

func text(s string) *string { return &s }

// compare returns the fields that are not as expected. What is expected went
// through HCL, which composes characters, so composed they are compared.
func (c *checker) compare(fields []config.ExpectField, env *expr.Env) (out []Difference) {
	for _, f := range fields {
		got, ok := f.Get.Eval(env)
		if ok != f.Null && norm.NFC.String(got) == f.Want {
			continue
		}
		d := Difference{Field: f.Name}
		if !f.Null {
			d.Want = text(f.Want)
		}
		if ok {
			d.Got = text(c.show(f.Name, got))
		}
		out = append(out, d)
	}
	return out
}

// show hides personal data unless it may be shown.
func (c *checker) show(field, value string) string {
	switch {
	case c.reveal:
		return value
	case field == "recipient" || field == "sender":
		return inspect.Mask(value)
	case field == "attributes."+sdk.AttrText:
		return inspect.Mask(value)
	}
	return inspect.MaskText(value)
}

// want says what was expected.
func want(x *config.Expect) string {
	switch {
	case x.Kind == config.ExpectEvent:
		return strings.TrimSpace(fmt.Sprintf("%s%s", number(x.Count, "event"), to(x)) + like(x))
	case x.Kind == config.ExpectDeadLetter:
		return number(x.Count, "dead letter") + word(x.Word)
	case x.Kind == config.ExpectRefused:
		return number(x.Count, "refused request") + word(x.Word)
	case x.Kind == config.ExpectIgnored:
		return number(x.Count, "ignored request")
	}
	return number(x.Count, x.Kind+" event")
}

func to(x *config.Expect) string {
	if x.Sink == nil {
		return ""
	}
	return " for sink." + x.Sink.Address
}

func like(x *config.Expect) string {
	if len(x.Fields) == 0 && x.When == nil {
		return ""
	}
	return " as described"
}

func word(w string) string {
	if w == "" {
		return ""
	}
	return fmt.Sprintf(" %q", w)
}

// number counts a thing; a negative one is at least one.
func number(n int, thing string) string {
	switch n {
	case 0:
		return "no " + thing
	case 1:
		return "1 " + thing
	}
	if n < 0 {
		return "at least 1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// got says what happened instead.
func (c *checker) got(x *config.Expect, n int) string {
	if n > 0 {
		return fmt.Sprint(n)
	}
	var others []string
	switch x.Kind {
	case config.ExpectEvent:
		if all := c.staged(x.Sink); all > 0 {
			return fmt.Sprintf("none of %s", number(all, "event")+to(x))
		}
		if x.Sink != nil && c.staged(nil) > 0 {
			others = append(others, number(c.staged(nil), "event")+" for other sinks")
		}
		others = append(others, c.elsewhere()...)
	case config.ExpectDeadLetter:
		for _, d := range c.dead {
			others = append(others, fmt.Sprintf("dead letter %q", d.Code))
		}
	case config.ExpectRefused:
		for _, r := range c.received {
			if r.Refused != "" {
				others = append(others, fmt.Sprintf("refused %q", r.Refused))
			}
		}
	}
	if len(others) == 0 {
		return "none"
	}
	return "none; " + strings.Join(slices.Compact(others), ", ")
}

func (c *checker) staged(s *config.Sink) (n int) {
	for _, o := range c.outcomes {
		if o.note == nil && (s == nil || slices.Contains(o.sinks, s.Address)) {
			n++
		}
	}
	return n
}

// elsewhere says what became of what reached no sink.
func (c *checker) elsewhere() (out []string) {
	for _, e := range []struct {
		as    journal.Outcome
		thing string
	}{{journal.Filtered, "filtered event"}, {journal.Duplicate, "duplicate event"}, {journal.Ignored, "ignored request"}} {
		if n := c.ended(e.as); n > 0 {
			out = append(out, number(n, e.thing))
		}
	}
	if n := len(c.dead); n > 0 {
		out = append(out, number(n, "dead letter"))
	}
	refused := 0
	for _, r := range c.received {
		if r.Refused != "" {
			refused++
		}
	}
	if refused > 0 {
		out = append(out, number(refused, "refused request"))
	}
	return out
}
