package inspect

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/patchbay-io/patchbay/core/journal"
)

// clean makes text from outside harmless for a terminal.
func clean(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || c == '\u2028' || c == '\u2029' {
			return utf8.RuneError
		}
		return c
	}, s)
}

// clock is how times are written: UTC, in milliseconds.
const clock = "15:04:05.000"

// count is a number of things for a person: no request, 1 request, 2 requests.
func count[N int | uint64](n N, one, many string) string {
	switch n {
	case 0:
		return "no " + many
	case 1:
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// printer writes lines and keeps the first error.
type printer struct {
	w *bufio.Writer
}

func newPrinter(w io.Writer) *printer { return &printer{bufio.NewWriter(w)} }

func (p *printer) printf(format string, args ...any) {
	fmt.Fprintf(p.w, format, args...) // the error stays in w until flush
}

func (p *printer) flush() error {
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("inspect: write: %w", err)
	}
	return nil
}

// step is one line of a story: when, what, where, detail.
func (p *printer) step(at time.Time, what, where, detail string) {
	when := strings.Repeat(" ", len(clock))
	if !at.IsZero() {
		when = at.UTC().Format(clock)
	}
	p.printf("%s\n", strings.TrimRight(fmt.Sprintf("%s  %-13s %-24s  %s", when, what, clean(where), clean(detail)), " "))
}

// WriteText renders the story for a person.
func (s *Story) WriteText(w io.Writer) error {
	p := newPrinter(w)
	for i := range s.Requests {
		if i > 0 {
			p.printf("\n")
		}
		p.request(&s.Requests[i])
	}
	if s.Truncated {
		p.printf("\nThere is more: the search was ended at its limit.\n")
	}
	return p.flush()
}

func (p *printer) request(r *Request) {
	p.printf("request %s   %s (UTC)\n", clean(r.Ref), r.ReceivedAt.UTC().Format(time.DateOnly))
	p.step(r.ReceivedAt, "received", "source."+r.Source, r.receipt())
	for _, pipe := range r.WaitsFor {
		p.step(time.Time{}, "waiting", "pipeline."+pipe, "stored, not processed yet")
	}
	if r.Unread {
		p.step(time.Time{}, "waiting", "", "stored, and no pipeline reads this source")
	}
	for i := range r.Events {
		p.event(&r.Events[i])
	}
	if len(r.Events) == 0 && len(r.WaitsFor) == 0 && !r.Unread {
		p.step(time.Time{}, "processed", "", "its events are not kept any more")
	}
}

func (r *Request) receipt() string {
	if r.Gone {
		return "the request itself is not kept any more"
	}
	signature := "not authenticated"
	if r.Authenticated {
		signature = "signature ok"
		if r.Key > 0 {
			signature = fmt.Sprintf("signature ok (key %d)", r.Key+1)
		}
	}
	out := fmt.Sprintf("%s, %s, stored", signature, count(r.Bytes, "byte", "bytes"))
	if r.Remote != "" {
		out += ", from " + r.Remote
	}
	return out
}

func (p *printer) event(e *Event) {
	at := e.StagedAt
	if e.By != byParse {
		p.step(at, "normalized", join(" / ", e.Channel, e.EventType), e.facts())
		if len(e.Attributes) > 0 {
			p.step(at, "attributes", "", e.attributes())
		}
		p.step(time.Time{}, "event", "", e.EventID)
	}
	if e.Outcome != journal.Staged.String() {
		p.step(at, strings.ReplaceAll(e.Outcome, "_", "-"), "pipeline."+e.Pipeline, e.reason())
		return
	}
	p.step(at, "staged", "pipeline."+e.Pipeline, "for "+count(len(e.Deliveries), "sink", "sinks"))
	for i := range e.Deliveries {
		d := &e.Deliveries[i]
		p.step(d.At, strings.ReplaceAll(d.State, "_", "-"), "sink."+d.Sink, d.detail())
	}
}

func join(sep string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), sep)
}

func (e *Facts) facts() string {
	fact := func(name, value string) string {
		if value == "" {
			return ""
		}
		return name + " " + value
	}
	provider := ""
	if e.ProviderStatus != "" && e.ProviderStatus != e.EventType {
		provider = fmt.Sprintf("provider says %q", e.ProviderStatus)
	}
	return join(", ", provider, fact("message", e.MessageID), fact("recipient", e.Recipient), fact("code", e.StatusCode),
		fact("reason", e.ErrorReason), fact("customer", e.CustomerID), fact("campaign", e.CampaignID),
		fact("conversation", e.ConversationID))
}

func (e *Facts) attributes() string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(e.Attributes)) {
		out = append(out, name+"="+e.Attributes[name])
	}
	return strings.Join(out, ", ")
}

// reason says why an event goes nowhere.
func (e *Event) reason() string {
	out := join(": ", e.By, e.Detail)
	if e.By == byParse && e.Detail == "no_events" {
		out = "there is no event in it"
	}
	if d := e.DeadLetter; d != nil {
		out = join(": ", d.summary(), d.Reason)
	}
	return out
}

func (d *DeadLetterRef) summary() string {
	return fmt.Sprintf("dead letter %d (%s), %s", d.ID, d.State, d.Code)
}

func (d *Delivery) detail() string {
	if d.DeadLetter != nil && d.State != Delivered {
		return join(": ", d.DeadLetter.summary(), d.DeadLetter.Reason)
	}
	if d.State == Waiting {
		return count(d.Ahead, "event is", "events are") + " ahead of it"
	}
	var batch, took, retried, about string
	if d.Batch > 1 {
		batch = "with " + count(d.Batch-1, "other", "others")
	}
	if d.TookMicros > 0 {
		took = fmt.Sprintf("in %.1f ms", float64(d.TookMicros)/1000)
	}
	if d.DeadLetter != nil {
		retried = fmt.Sprintf("by a retry of dead letter %d", d.DeadLetter.ID)
	}
	if d.Approximate {
		about = "not later than that"
	}
	if d.At.IsZero() {
		about = "when is not remembered any more"
	}
	return join(", ", batch, took, retried, about)
}

// Line renders an event as one line of a list.
func (e *Event) Line() string {
	what := join("/", e.Channel, e.EventType)
	if e.Outcome != journal.Staged.String() {
		what = join(" ", what, "("+strings.ReplaceAll(e.Outcome, "_", "-")+")")
	}
	var to []string
	for _, d := range e.Deliveries {
		to = append(to, d.Sink+" "+strings.ReplaceAll(d.State, "_", "-"))
	}
	id := e.handle()
	return clean(strings.TrimRight(fmt.Sprintf("%s  %-25s %-20s %-36s %-20s %s", e.ReceivedAt.UTC().Format("2006-01-02 "+clock),
		what, e.Source, id, e.Recipient, strings.Join(to, ", ")), " "))
}

// handle is the best id to ask for the event by.
func (e *Facts) handle() string {
	return cmp.Or(e.MessageID, e.EventID, e.Request)
}

// Passing renders an event that passes a place, as one line.
func (e *Facts) Passing(at time.Time, place, more string) string {
	return clean(strings.TrimRight(fmt.Sprintf("%s  %-36s %-16s %s  %s  %s  %s", at.UTC().Format(clock), place, join("/", e.Channel, e.EventType),
		e.Source, e.handle(), e.Recipient, more), " "))
}

// Line renders a dead letter as one line of a list.
func (d *DeadLetterInfo) Line() string {
	where := "pipeline." + d.Pipeline
	if d.Sink != "" {
		where = "sink." + d.Sink
	}
	return clean(strings.TrimRight(fmt.Sprintf("%-6d %-9s %s  %-24s %-16s %s", d.ID, d.State, d.LastAt.UTC().Format("2006-01-02 "+clock),
		where, d.Code, d.Reason), " "))
}

// WriteText renders a dead letter for a person.
func (d *DeadLetterInfo) WriteText(w io.Writer) error {
	p := newPrinter(w)
	field := func(name, value string) {
		if value != "" {
			p.printf("%-10s %s\n", name, clean(value))
		}
	}
	stamp := func(t time.Time) string { return t.UTC().Format("2006-01-02 "+clock) + " UTC" }
	field("dead letter", fmt.Sprintf("%d (%s)", d.ID, d.State))
	field("pipeline", d.Pipeline)
	field("sink", d.Sink)
	field("source", d.Source)
	field("request", d.Request)
	field("code", d.Code)
	field("reason", d.Reason)
	field("attempts", fmt.Sprint(d.Attempts))
	field("first", stamp(d.FirstAt))
	field("last", stamp(d.LastAt))
	field("event", d.EventID)
	field("message", d.MessageID)
	field("bytes", fmt.Sprint(d.Bytes))
	if d.Event != nil {
		field("what", join(" / ", d.Event.Channel, d.Event.EventType))
		field("facts", d.Event.facts())
		field("attributes", d.Event.attributes())
	}
	if len(d.Body) > 0 {
		if utf8.Valid(d.Body) {
			p.printf("body\n  %s\n", strings.ReplaceAll(cleanLines(string(d.Body)), "\n", "\n  "))
		} else {
			p.printf("body       not text; use -json for its bytes\n")
		}
	}
	return p.flush()
}

func cleanLines(s string) string {
	lines := strings.Split(strings.ReplaceAll(strings.TrimRight(s, "\r\n"), "\r\n", "\n"), "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

// WriteText renders the account for a person.
func (a *Account) WriteText(w io.Writer) error {
	p := newPrinter(w)
	p.printf("%-28s %10s %10s %12s\n", "SOURCE", "stored", "refused", "quarantined")
	for _, s := range a.Sources {
		p.printf("%-28s %10d %10d %12d\n", clean(s.Source), s.Stored, s.Refused, s.Quarantined)
		if len(s.RefusedFor) > 0 {
			var why []string
			for _, word := range slices.Sorted(maps.Keys(s.RefusedFor)) {
				why = append(why, fmt.Sprintf("%s %d", clean(word), s.RefusedFor[word]))
			}
			p.printf("  refused for %s\n", strings.Join(why, ", "))
		}
	}
	p.printf("\n%-28s %10s %10s %10s %10s %10s %10s %10s %10s\n", "PIPELINE, SOURCE", "parsed", "backlog", "staged", "duplicate",
		"filtered", "ignored", "dead", "replayed")
	for _, l := range a.Lanes {
		p.printf("%-28s %10d %10d %10d %10d %10d %10d %10d %10d\n", clean(l.Pipeline+", "+l.Source), l.Parsed, l.Backlog,
			l.Staged, l.Duplicate, l.Filtered, l.Ignored, l.DeadLettered, l.Replayed)
		if l.Missed > 0 {
			p.printf("  missed %d: trimmed before the pipeline came, or came back\n", l.Missed)
		}
	}
	p.printf("\n%-28s %10s %10s %10s %10s %10s %14s\n", "PIPELINE, SINK", "addressed", "delivered", "waiting", "dead", "discarded", "possibly twice")
	for _, s := range a.Sinks {
		p.printf("%-28s %10d %10d %10d %10d %10d %14d\n", clean(s.Pipeline+", "+s.Sink), s.Addressed, s.Delivered, s.Waiting,
			s.DeadLettered, s.Discarded, s.PossiblyTwice)
	}
	if a.Balanced {
		p.printf("\nEverything adds up.\n")
		return p.flush()
	}
	p.printf("\nThis does not add up:\n")
	for _, s := range a.Problems() {
		p.printf("  %s\n", clean(s))
	}
	return p.flush()
}

// WriteText renders the verification for a person.
func (v *Verification) WriteText(w io.Writer) error {
	p := newPrinter(w)
	var keys int64
	for _, n := range v.Items {
		keys += n
	}
	p.printf("store %s: %d keys, %d entries\n", clean(v.StoreID), keys, v.Entries)
	for _, f := range v.Findings {
		p.printf("%s: %s\n", clean(f.Where), clean(f.Problem))
	}
	switch {
	case v.Sound():
		p.printf("The journal is sound.\n")
	case v.More > 0:
		p.printf("%d problems, of which the first %d are listed.\n", len(v.Findings)+v.More, len(v.Findings))
	default:
		p.printf("%d problems.\n", len(v.Findings))
	}
	return p.flush()
}
