package inspect

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/pipeline"
)

func mustAccount(t *testing.T, w *world) *Account {
	t.Helper()
	a, err := TakeAccount(w.j)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAccount(t *testing.T) { // I3
	t.Parallel()
	a := mustAccount(t, full(t))
	var b bytes.Buffer
	if err := a.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "account", b.Bytes())
	if !a.Balanced {
		t.Errorf("got unbalanced: %q", a.Problems())
	}
}

// Refused requests are told by reason; those that a store of an earlier version
// counted have none.
func TestAccountRefused(t *testing.T) { // I3
	t.Parallel()
	w := full(t)
	w.commit(func(tx *journal.Tx) {
		row := journal.Row{Scope: journal.ScopeRaw, Name: source, Outcome: journal.Refused}
		tx.Count(row, 2)
		row.Source = "bad_signature"
		tx.Count(row, 5)
		row.Source = "address_not_allowed"
		tx.Count(row, 3)
	})
	a := mustAccount(t, w)
	s := a.Sources[0]
	if !a.Balanced || s.Refused != 10 || s.RefusedFor["bad_signature"] != 5 || s.RefusedFor["address_not_allowed"] != 3 || len(s.RefusedFor) != 2 {
		t.Errorf("got %+v, balanced %t, want 10 refused, 8 of them with a reason", s, a.Balanced)
	}
	var b bytes.Buffer
	if err := a.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if want := "  refused for address_not_allowed 3, bad_signature 5\n"; !strings.Contains(b.String(), want) {
		t.Errorf("got\n%s\nwant %q in it", b.String(), want)
	}
}

func TestAccountEmpty(t *testing.T) {
	t.Parallel()
	a := mustAccount(t, newWorld(t))
	if !a.Balanced || len(a.Sources) != 1 || len(a.Lanes) != 0 {
		t.Errorf("got %+v, want a balanced account of one source", a)
	}
}

// I3: a request or an event more or less than there should be is noticed, and
// said in words.
func TestAccountUnbalanced(t *testing.T) {
	t.Parallel()
	lane := journal.Row{Scope: journal.ScopePipeline, Name: pipe, Source: source}
	sink := journal.Row{Scope: journal.ScopeSink, Name: facts, Source: pipe}
	for name, c := range map[string]struct {
		row  journal.Row
		o    journal.Outcome
		n    int64
		want string
	}{
		"stored":    {journal.Row{Scope: journal.ScopeRaw, Name: source}, journal.Stored, 1, "source twilio.support: stored 8, but its log has taken 7 requests"},
		"parsed":    {lane, journal.Parsed, -1, "pipeline messaging, source twilio.support: stored 7 is not parsed 5 + backlog 1"},
		"staged":    {lane, journal.Staged, 1, "pipeline messaging: its log has taken 7 entries, but 8 outcomes are counted"},
		"dead":      {lane, journal.DeadLettered, -1, "pipeline messaging: its log has taken 7 entries, but 6 outcomes are counted"},
		"delivered": {sink, journal.Delivered, -1, "pipeline messaging, sink sqlite.facts: addressed 3 is not delivered 1 + dead-lettered 1 + discarded 0 + waiting 0"},
		"addressed": {sink, journal.Addressed, 1, "pipeline messaging, sink sqlite.facts: addressed 4 is not delivered 2 + dead-lettered 1 + discarded 0 + waiting 0"},
		"discarded": {sink, journal.Discarded, 1, "addressed 3 is not delivered 2 + dead-lettered 1 + discarded 1 + waiting 0"},
	} {
		w := full(t)
		c.row.Outcome = c.o
		w.commit(func(tx *journal.Tx) { tx.Count(c.row, c.n) })
		a := mustAccount(t, w)
		got := strings.Join(a.Problems(), "\n")
		if a.Balanced || !strings.Contains(got, c.want) {
			t.Errorf("%s: got balanced %t, %q, want %q", name, a.Balanced, got, c.want)
		}
	}
}

func TestAccountDerivesWhatIsTooMuchToCount(t *testing.T) { // I12
	t.Parallel()
	w := full(t)
	v := w.j.View()
	defer func() { w.must(v.Close()) }()
	a, err := takeAccount(w.j, v, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range a.Sinks {
		if s.Sink == events && (s.Counted || s.Waiting != 1 || s.Problem != "") {
			t.Errorf("got %+v, want 1 waiting, not counted", s)
		}
	}
	w.commit(func(tx *journal.Tx) {
		tx.Count(journal.Row{Scope: journal.ScopeSink, Name: events, Source: pipe, Outcome: journal.Addressed}, -5)
	})
	late := w.j.View()
	defer func() { w.must(late.Close()) }()
	if a, err = takeAccount(w.j, late, 3); err != nil || a.Balanced {
		t.Errorf("less than nothing waits: got balanced %t, %v", a.Balanced, err)
	}
}

// A sum is taken at one moment: what is committed while it is taken is not half
// in it (I7).
func TestAccountWhileTheCoreWorks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			raw := w.receive("x", true)
			w.step(raw+1, one{event: w.event(i, raw, "SM", phone), to: []uint32{w.facts}})
			w.deliver(facts, raw+1, -1)
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if a := mustAccount(t, w); !a.Balanced {
			t.Errorf("got %q, want balanced", a.Problems())
			break
		}
	}
	<-done
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	w := full(t)
	for name, c := range map[string]struct {
		f    DeadLetterFilter
		want string
	}{
		"all":            {DeadLetterFilter{}, "1 2"},
		"sink":           {DeadLetterFilter{Sink: facts}, "1"},
		"code":           {DeadLetterFilter{Code: "malformed"}, "2"},
		"state":          {DeadLetterFilter{State: "open"}, "1 2"},
		"resolved":       {DeadLetterFilter{State: "resolved"}, ""},
		"source":         {DeadLetterFilter{Source: source}, "1 2"},
		"other pipeline": {DeadLetterFilter{Pipeline: "x"}, ""},
		"limit":          {DeadLetterFilter{Limit: 1}, "1 ..."},
	} {
		var got []string
		more, err := DeadLetters(w.j, c.f, Options{}, func(d *DeadLetterInfo) bool {
			got = append(got, string(rune('0'+d.ID)))
			hidden(t, name, d.Line())
			return true
		})
		if more {
			got = append(got, "...")
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %q, %v, want %q", name, strings.Join(got, " "), err, c.want)
		}
	}
}

func TestShowDeadLetter(t *testing.T) {
	t.Parallel()
	w := full(t)
	for name, c := range map[string]struct {
		id     uint64
		reveal bool
	}{
		"dead-letter-sink": {1, false}, "dead-letter-sink-revealed": {1, true},
		"dead-letter-parse": {2, false}, "dead-letter-parse-revealed": {2, true},
	} {
		d, err := ShowDeadLetter(w.j, c.id, Options{Reveal: c.reveal})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := d.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
		if !c.reveal {
			hidden(t, name, b.String())
		}
	}
	if _, err := ShowDeadLetter(w.j, 99, Options{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown id: got %v, want ErrNotFound", err)
	}
}

func TestDiscard(t *testing.T) { // I3
	t.Parallel()
	w := full(t)
	for id := range uint64(2) {
		d, err := Discard(w.j, id+1, w.now)
		if err != nil || d.State != string(journal.DeadDiscarded) {
			t.Fatalf("discard %d: got %+v, %v", id+1, d, err)
		}
		if _, err := Discard(w.j, id+1, w.now); !errors.Is(err, ErrSettled) {
			t.Errorf("discard %d again: got %v, want ErrSettled", id+1, err)
		}
	}
	if _, err := Discard(w.j, 3, w.now); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown id: got %v, want ErrNotFound", err)
	}
	a := mustAccount(t, w)
	if !a.Balanced || a.Lanes[0].Discarded != 1 || a.Lanes[0].DeadLettered != 0 {
		t.Errorf("got %+v, %q, want a balanced account with one discarded", a.Lanes, a.Problems())
	}
	s, err := Explain(context.Background(), w.j, "SM2", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Requests[0].Events[0].Deliveries[0].State; got != Discarded {
		t.Errorf("delivery: got %q, want %q", got, Discarded)
	}
	v, err := Verify(context.Background(), w.j)
	if err != nil || !v.Sound() {
		t.Errorf("verify: got %+v, %v, want nothing", v.Findings, err)
	}
}

// What was a dead letter and was retried is told as delivered by the retry.
func TestResolvedDeadLetter(t *testing.T) {
	t.Parallel()
	w := full(t)
	d, err := w.j.DeadLetter(1)
	w.must(err)
	w.commit(func(tx *journal.Tx) {
		d.State = journal.DeadResolved
		tx.UpdateDeadLetter(d)
		row := d.Row
		for o, n := range map[journal.Outcome]int64{journal.DeadLettered: -1, journal.Delivered: 1, journal.Replayed: 1} {
			row.Outcome = o
			tx.Count(row, n)
		}
	})
	s, err := Explain(context.Background(), w.j, "SM2", Options{})
	w.must(err)
	if got := s.Requests[0].Events[0].Deliveries[0]; got.State != Delivered || got.detail() != "by a retry of dead letter 1" {
		t.Errorf("got %+v, %q", got, got.detail())
	}
	if a := mustAccount(t, w); !a.Balanced {
		t.Errorf("got %q, want balanced", a.Problems())
	}
	v, err := Verify(context.Background(), w.j)
	if err != nil || !v.Sound() {
		t.Errorf("verify: got %+v, %v, want nothing", v, err)
	}
}

// A write that skipped events cannot say by itself which; the dead letters can.
func TestSparseBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 3 {
		raw := w.receive("x", true)
		w.step(raw+1, one{event: w.event(i, raw, "SM"+string(rune('0'+i)), phone), to: []uint32{w.facts}})
	}
	w.deliver(facts, 3, 1)
	for id, want := range map[string]string{"SM0": Delivered, "SM1": DeadLetter, "SM2": Delivered} {
		s, err := Explain(context.Background(), w.j, id, Options{})
		w.must(err)
		if got := s.Requests[0].Events[0].Deliveries[0]; got.State != want {
			t.Errorf("%s: got %+v, want %s", id, got, want)
		}
	}
}

func TestGoneRequest(t *testing.T) {
	t.Parallel()
	w := full(t)
	_, err := w.raw.Trim(context.Background(), 2, w.now.AddDate(1, 0, 0))
	w.must(err)
	s, err := Explain(context.Background(), w.j, "SM1", Options{})
	w.must(err)
	var b bytes.Buffer
	w.must(s.WriteText(&b))
	if !s.Requests[0].Gone || !strings.Contains(b.String(), "the request itself is not kept any more") {
		t.Errorf("got %+v\n%s", s.Requests[0], b.String())
	}
	for name, c := range w.j.Cursors() {
		if _, _, ok := pipeline.ParseCursorName(name); ok && c.Offset != 6 {
			t.Errorf("%s: got %d, want 6", name, c.Offset)
		}
		if _, _, ok := dispatch.ParseCursorName(name); ok && c.Offset == 0 {
			t.Errorf("%s: got 0", name)
		}
	}
}
