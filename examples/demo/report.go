package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/patchbay-io/patchbay/core/lab"
)

// row is a line of the account: the same number as three parties have it. none
// means that a party cannot know it.
type row struct {
	what                     string
	provider, patchbay, file int64
}

const none = -1

// fits reports whether all who know the number agree.
func (r *row) fits() bool {
	want := int64(none)
	for _, n := range []int64{r.provider, r.patchbay, r.file} {
		switch {
		case n == none:
		case want == none:
			want = n
		case n != want:
			return false
		}
	}
	return true
}

// rows makes the account. The provider knows how many requests it has an
// acknowledgement for; of those that the crash cut off it knows only that each
// was stored or not. Each of them has one event and was sent again, so each one
// that was stored adds one request and one repeat.
func rows(t lab.Totals, sent tally, known, file, listed int64) []row {
	cut := t.Stored - sent.acknowledged
	if cut < 0 || cut > sent.unanswered {
		cut = 0 // the rows below then do not fit, and say so
	}
	return []row{
		{"requests acknowledged, and stored", sent.acknowledged, t.Stored - cut, none},
		{fmt.Sprintf("  stored besides, of %s that the crash cut off", number(sent.unanswered)), none, cut, none},
		{"requests refused: signature wrong", sent.refused, t.Refused, none},
		{"events in the stored requests", sent.facts + cut, t.Staged + t.Duplicate, none},
		{"  repeats, counted once", sent.facts + cut - known, t.Duplicate, none},
		{"  events to deliver", known, t.Staged, none},
		{"  events delivered: rows in SQLite", known, t.Delivered, file},
		{"dead letters: kept with their reason", sent.broken, t.DeadLettered, none},
		{"dead letters listed by the command line", sent.broken, listed, none},
		{"events that still wait, or that a sink refused", 0, t.Backlog + t.Waiting + t.SinkDeadLettered, none},
	}
}

// report prints the account and reports whether it adds up.
func (d *demo) report(ctx context.Context, a *lab.Account, sent tally) (bool, error) {
	file, missing, err := d.compare()
	if err != nil {
		return false, err
	}
	list, err := d.command(ctx, "dlq", "list")
	if err != nil {
		return false, err
	}
	letters := strings.Split(strings.TrimSpace(list), "\n")
	account := rows(a.Totals(), sent, int64(len(d.provider.known)), file, int64(len(letters)))
	fits := d.table(account)
	for _, p := range append(missing, a.Problems()...) {
		d.say("DOES NOT ADD UP: %s", p)
		fits = false
	}
	if !a.Balanced {
		d.say("DOES NOT ADD UP: patchbay's own ledger")
		fits = false
	}
	d.say("\nDead letters, as `patchbay dlq list` shows them:\n%s\n", indent(list))
	return fits, d.extras()
}

// table prints the rows and, below, those that do not fit.
func (d *demo) table(account []row) bool {
	cell := func(n int64) string {
		if n == none {
			return "·"
		}
		return number(n)
	}
	const format = "  %-48s %10s %10s %10s"
	d.say(format, "", "provider", "patchbay", "SQLite")
	fits := true
	for i := range account {
		r := &account[i]
		d.say(format, r.what, cell(r.provider), cell(r.patchbay), cell(r.file))
	}
	for i := range account {
		if r := &account[i]; !r.fits() {
			d.say("DOES NOT ADD UP: %s: %s, %s, %s", strings.TrimSpace(r.what), cell(r.provider), cell(r.patchbay), cell(r.file))
			fits = false
		}
	}
	return fits
}

// compare holds the rows in SQLite against the events that the provider has an
// acknowledgement for, one by one, and counts the rows.
func (d *demo) compare() (count int64, wrong []string, err error) {
	found := map[fact]bool{}
	err = d.facts.Messages(func(message, word string, n int) {
		f := fact{message, word}
		found[f] = true
		count += int64(n)
		switch {
		case !d.provider.known[f]:
			wrong = append(wrong, fmt.Sprintf("SQLite has %s %s, which nobody sent", message, word))
		case n != 1:
			wrong = append(wrong, fmt.Sprintf("SQLite has %s %s %d times", message, word, n))
		}
	})
	for f := range d.provider.known {
		if !found[f] {
			wrong = append(wrong, fmt.Sprintf("SQLite lacks %s %s", f.message, f.word))
		}
	}
	if err == nil {
		err = d.facts.Integrity()
	}
	return count, wrong, err
}

// extras are numbers worth seeing that need no comparison.
func (d *demo) extras() error {
	for _, e := range []struct{ what, query string }{
		{"enriched from campaigns.csv", "SELECT count(*) FROM pb_events WHERE attributes ->> 'campaign_name' IS NOT NULL"},
		{"with a word that no table knows, kept as unmapped", "SELECT count(*) FROM pb_events WHERE event_type = 'unmapped'"},
		{"opted out", "SELECT count(*) FROM pb_events WHERE event_type = 'opted_out'"},
	} {
		n, err := d.facts.Number(e.query)
		if err != nil {
			return err
		}
		d.say("Events %s: %s", e.what, number(n))
	}
	return nil
}

// conclude says what was proven.
func (d *demo) conclude(fits bool, a *lab.Account, sent tally) {
	if !fits {
		d.say("\nThe account does not add up; see above.")
		return
	}
	t := a.Totals()
	d.say("\nProven: all %s acknowledged requests survived a SIGKILL in their midst: every event is in SQLite,", number(sent.acknowledged))
	d.say("exactly once (%s rows, %s repeats recognised), and what could not be read is kept with its reason.", number(t.Delivered), number(t.Duplicate))
}
