package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/patchbay-io/patchbay/core/lab"
)

// verdict is what a run found.
type verdict struct {
	kills  map[string]int
	pauses int
	stops  int
	took   time.Duration

	acknowledged, rows                      int // events
	lost, doubled, strangers                int // events
	repeats, deadLetters, unanswered, twice int64
	examples                                []string // some of the events that are counted above
	findings                                []string // what else is wrong
}

// find notes something that has no explanation.
func (v *verdict) find(format string, args ...any) {
	v.findings = append(v.findings, fmt.Sprintf(format, args...))
}

// everything accepts any account in which nothing waits.
func everything(lab.Totals) bool { return true }

// ledger compares the core's account with the sender's memory (I3).
func (v *verdict) ledger(a *lab.Account, n counts) {
	t := a.Totals()
	v.repeats, v.deadLetters, v.twice, v.unanswered = t.Duplicate, t.DeadLettered, t.PossiblyTwice, n.unanswered
	if !a.Balanced {
		v.find("the ledger says of itself that it does not add up: %q", a.Problems())
	}
	// A request that was cut off was stored or not; every other number is known.
	v.within("requests stored", t.Stored, n.acked, n.unanswered)
	v.within("dead letters", t.DeadLettered, n.brokenAcked, n.brokenLost)
	v.within("events staged or duplicate", t.Staged+t.Duplicate, n.factsAcked, n.factsLost)
	v.same("refused requests", t.Refused, 0)
	v.same("filtered events", t.Filtered, 0)
	v.same("ignored requests", t.Ignored, 0)
	for _, s := range a.Sinks {
		v.same(s.Sink+", events rejected", s.DeadLettered, 0)
		v.same(s.Sink+", events delivered", s.Delivered, t.Staged)
		v.same(s.Sink+", events addressed", s.Addressed, t.Staged)
	}
}

func (v *verdict) same(what string, got, want int64) {
	if got != want {
		v.find("%s: the ledger has %d, want %d", what, got, want)
	}
}

func (v *verdict) within(what string, got, low, more int64) {
	if got < low || got > low+more {
		v.find("%s: the ledger has %d, want %d to %d", what, got, low, low+more)
	}
}

// sinks is what the sinks hold: how often each event.
type sinks struct {
	rows     map[fact]int // SQLite, to which a repeat is nothing new
	appended map[fact]int // the file, which takes what it gets
}

// judge compares what the sinks hold with the sender's memory and the ledger.
func (v *verdict) judge(k *sinks, o *oracle, a *lab.Account) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for status, n := range o.odd {
		v.find("%d requests were answered with %d", n, status)
	}
	if o.err != nil {
		v.find("a sender stopped: %v", o.err)
	}
	v.compare(o.facts, k.rows)
	// The file has what SQLite has. What it has twice, the ledger must admit.
	repeated := 0
	for f, n := range k.appended {
		if n > 1 {
			repeated++
		}
		if k.rows[f] == 0 {
			v.find("appended and not in SQLite: %s %s", f.message, f.word)
		}
	}
	for f := range k.rows {
		if k.appended[f] == 0 {
			v.find("in SQLite and not appended: %s %s", f.message, f.word)
		}
	}
	for _, s := range a.Sinks {
		switch s.Sink {
		case sqliteSink:
			v.same("rows in SQLite", s.Delivered, int64(v.rows))
		case appendSinkName:
			v.same("events appended", s.Delivered, int64(len(k.appended)))
			if int64(repeated) > s.PossiblyTwice {
				v.find("%d events were appended more than once, the ledger admits %d", repeated, s.PossiblyTwice)
			}
		}
	}
}

// named is how many events of a kind are named.
const named = 3

// compare finds what is lost, doubled or was never sent.
func (v *verdict) compare(sent map[fact]fate, rows map[fact]int) {
	var lost, doubled, strangers []fact
	for f, is := range sent {
		if is != acked {
			continue
		}
		v.acknowledged++
		if rows[f] == 0 {
			lost = append(lost, f)
		}
	}
	for f, n := range rows {
		v.rows += n
		if sent[f] == 0 {
			strangers = append(strangers, f)
		}
		if n > 1 {
			doubled = append(doubled, f)
		}
	}
	v.lost, v.doubled, v.strangers = len(lost), len(doubled), len(strangers)
	v.name("lost", lost)
	v.name("doubled", doubled)
	v.name("never sent", strangers)
}

// name keeps some events of a kind for a person to look into.
func (v *verdict) name(what string, facts []fact) {
	slices.SortFunc(facts, func(a, b fact) int {
		return cmp.Or(cmp.Compare(a.message, b.message), cmp.Compare(a.word, b.word))
	})
	for _, f := range facts[:min(len(facts), named)] {
		v.examples = append(v.examples, fmt.Sprintf("%s: %s %s", what, f.message, f.word))
	}
}

// unexplained counts what is neither lost nor doubled, and should not be.
func (v *verdict) unexplained() int { return len(v.findings) + v.strangers }

func (v *verdict) kept() bool { return v.lost == 0 && v.doubled == 0 && v.unexplained() == 0 }

func (v *verdict) line() string {
	total := 0
	for _, n := range v.kills {
		total += n
	}
	return fmt.Sprintf("torture: kills=%d (core %d, sms %d, email %d, warehouse %d, append %d) pauses=%d stops=%d acknowledged=%d rows=%d lost=%d doubled=%d unexplained=%d"+
		" repeats=%d dead_letters=%d unanswered=%d possibly_twice=%d seconds=%.0f",
		total, v.kills[core], v.kills[sms], v.kills[email], v.kills[warehouse], v.kills[appender], v.pauses, v.stops, v.acknowledged, v.rows,
		v.lost, v.doubled, v.unexplained(), v.repeats, v.deadLetters, v.unanswered, v.twice, v.took.Seconds())
}
