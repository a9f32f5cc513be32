package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/pipeline"
	"github.com/patchbay-io/patchbay/core/staged"
)

func findings(t *testing.T, w *world) (*Verification, string) {
	t.Helper()
	v, err := Verify(context.Background(), w.j)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := v.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return v, b.String()
}

func TestVerifySound(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]*world{"empty": newWorld(t), "full": full(t)} {
		v, text := findings(t, w)
		if !v.Sound() || !strings.Contains(text, "The journal is sound.") {
			t.Errorf("%s: got\n%s", name, text)
		}
	}
}

// After retention has removed the oldest, what is left is still sound.
func TestVerifyTrimmed(t *testing.T) {
	t.Parallel()
	w := full(t)
	for _, l := range []*journal.Log{w.raw, w.staged} {
		_, err := l.Trim(context.Background(), 3, w.now.AddDate(1, 0, 0))
		w.must(err)
	}
	if v, text := findings(t, w); !v.Sound() {
		t.Errorf("got\n%s", text)
	}
}

// Each kind of damage is found, and named.
func TestVerifyFinds(t *testing.T) {
	t.Parallel()
	row := func(o journal.Outcome) journal.Row {
		return journal.Row{Scope: journal.ScopePipeline, Name: pipe, Source: source, Outcome: o}
	}
	for name, c := range map[string]struct {
		damage func(*world, *journal.Tx)
		want   string
	}{
		"entry that is none": {func(w *world, tx *journal.Tx) {
			tx.Append(w.staged, []journal.Entry{{Meta: []byte{9}, Body: []byte("x")}}, nil)
		}, "malformed"},
		"request that is none": {func(w *world, tx *journal.Tx) {
			tx.Append(w.raw, []journal.Entry{{Body: []byte("x")}}, nil)
		}, "request twilio.support/7"},
		"no summary": {func(w *world, tx *journal.Tx) {
			e := w.event(7, 6, "SM7", phone)
			m := staged.Meta{Targets: []uint32{w.facts}}
			body, _ := staged.AppendEvent(nil, &e, nil)
			tx.Append(w.staged, []journal.Entry{{Meta: m.Append(nil), Body: body}}, nil)
		}, "has no summary"},
		"summary of another chunk": {func(w *world, tx *journal.Tx) {
			e, other := w.event(7, 6, "SM7", phone), w.event(8, 1, "SM8", email)
			m := staged.Meta{Targets: []uint32{w.facts}}
			body, _ := staged.AppendEvent(nil, &e, nil)
			var b staged.Builder
			b.Reset(source)
			b.Add(&other)
			tx.Append(w.staged, []journal.Entry{{Meta: m.Append(nil), Body: body}}, b.Encode())
		}, "cannot be found through it"},
		"nowhere to go": {func(w *world, tx *journal.Tx) {
			e := w.event(7, 6, "SM7", phone)
			body, _ := staged.AppendEvent(nil, &e, nil)
			tx.Append(w.staged, []journal.Entry{{Meta: (&staged.Meta{}).Append(nil), Body: body}}, nil)
		}, "is meant for no sink and has no note"},
		"unknown sink": {func(w *world, tx *journal.Tx) {
			e := w.event(7, 6, "SM7", phone)
			body, _ := staged.AppendEvent(nil, &e, nil)
			tx.Append(w.staged, []journal.Entry{{Meta: (&staged.Meta{Targets: []uint32{99}}).Append(nil), Body: body}}, nil)
		}, "is meant for sink number 99, which has no name"},
		"lane ahead": {func(_ *world, tx *journal.Tx) {
			tx.SetCursor(pipeline.CursorName(pipe, source), journal.Cursor{Offset: 99})
		}, "is at 99, but raw log twilio.support ends at 7"},
		"sink ahead": {func(_ *world, tx *journal.Tx) {
			tx.SetCursor(dispatch.CursorName(pipe, facts), journal.Cursor{Offset: 99})
		}, "is at 99, but staged log messaging ends at 7"},
		"progress that is none": {func(_ *world, tx *journal.Tx) {
			tx.SetCursor(dispatch.CursorName(pipe, events), journal.Cursor{Offset: 1, Extra: []byte{77}})
		}, "progress of a sink"},
		"batch that is none":   {func(_ *world, tx *journal.Tx) { tx.Batch("sink/x/y", 0, []byte("{")) }, "batch sink/x/y first=0"},
		"ledger too high":      {func(_ *world, tx *journal.Tx) { tx.Count(row(journal.Staged), 1) }, "staged: is 1, but the staged log holds 0"},
		"ledger too low":       {func(_ *world, tx *journal.Tx) { tx.Count(row(journal.Ignored), -1) }, "ignored: is 0, but the staged log holds 1"},
		"ledger below nothing": {func(_ *world, tx *journal.Tx) { tx.Count(row(journal.Duplicate), -3) }, "the count is -3"},
		"dead letter not counted": {func(w *world, tx *journal.Tx) {
			w.reject(tx, 5)
		}, "dead_lettered: is 1, but there are 2 such dead letters"},
		"dead letter too many": {func(_ *world, tx *journal.Tx) {
			r := row(journal.Replayed)
			tx.Count(r, 1)
		}, "replayed: is 1, but there are no such dead letters"},
		"state that is none": {func(w *world, tx *journal.Tx) {
			d, err := w.j.DeadLetter(1)
			w.must(err)
			d.State = "gone"
			tx.UpdateDeadLetter(d)
		}, `has the unknown state "gone"`},
		"dead letter's event": {func(w *world, tx *journal.Tx) {
			d, err := w.j.DeadLetter(1)
			w.must(err)
			d.Event = []byte("x")
			tx.UpdateDeadLetter(d)
		}, "its event cannot be read"},
	} {
		w := full(t)
		w.commit(func(tx *journal.Tx) { c.damage(w, tx) })
		if v, text := findings(t, w); v.Sound() || !strings.Contains(text, c.want) {
			t.Errorf("%s: got\n%s\nwant %q", name, text, c.want)
		}
	}
}

func TestVerifyListsSoMany(t *testing.T) { // I12
	t.Parallel()
	w := full(t)
	w.commit(func(tx *journal.Tx) {
		for i := range uint64(maxFindings + 5) {
			tx.Batch("sink/x/y", i, nil)
		}
	})
	if v, text := findings(t, w); len(v.Findings) != maxFindings || v.More != 5 || !strings.Contains(text, "1005 problems") {
		t.Errorf("got %d findings and %d more, want %d and 5", len(v.Findings), v.More, maxFindings)
	}
}

func TestVerifyCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Verify(ctx, full(t).j); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestDump(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.commit(func(tx *journal.Tx) { tx.Mark(1, 2, w.j.HashIdentity("x"), []byte("v")) })
	for name, o := range map[string]DumpOptions{
		"masked": {}, "revealed": {Options: Options{Reveal: true}}, "bodies": {Bodies: true},
	} {
		var b bytes.Buffer
		if err := Dump(&b, w.j, o); err != nil {
			t.Fatal(err)
		}
		if name == "masked" {
			hidden(t, name, strings.ReplaceAll(b.String(), w.j.StoreID(), ""))
		}
		if got := strings.Contains(b.String(), phone); got != (name == "revealed") {
			t.Errorf("%s: shows the number: got %t", name, got)
		}
		kinds := map[string]int{}
		for _, text := range strings.Split(strings.TrimSpace(b.String()), "\n") {
			var l struct{ Kind, Error string }
			if err := json.Unmarshal([]byte(text), &l); err != nil || l.Error != "" {
				t.Fatalf("%s: got %q, %v", name, text, err)
			}
			kinds[l.Kind]++
		}
		for kind, want := range map[string]int{
			"meta": 3, "name": 4, "chunk": 11, "summary": 4, "cursor": 3, "mark": 1, "dead_letter": 2, "batch": 3, "unknown": 0,
		} {
			if kinds[kind] != want {
				t.Errorf("%s: %s: got %d, want %d", name, kind, kinds[kind], want)
			}
		}
	}
}

// The store's secret key is in no dump.
func TestDumpKeepsTheKey(t *testing.T) { // I14
	t.Parallel()
	var b bytes.Buffer
	if err := Dump(&b, newWorld(t).j, DumpOptions{Options: Options{Reveal: true}, Bodies: true}); err != nil {
		t.Fatal(err)
	}
	for _, text := range strings.Split(b.String(), "\n") {
		if strings.Contains(text, "hash_key") && strings.Contains(text, "value") {
			t.Errorf("got %s", text)
		}
	}
}
