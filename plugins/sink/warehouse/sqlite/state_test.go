package sqlite

import (
	"fmt"
	"testing"

	"github.com/patchbay-io/patchbay/plugins/sink/warehouse/fold"
	"github.com/patchbay-io/patchbay/sdk"
	"pgregory.net/rapid"
	"zombiezen.com/go/sqlite"
)

// I4 for states: whatever the order, the batches and the repeats, the stored
// state is the fold of the distinct events, and the facts are those events.
func TestStateIsTheFoldOfTheDistinctEvents(t *testing.T) {
	t.Parallel()
	s := New(clock)
	if err := s.Open(t.Context(), &Config{Path: t.TempDir() + "/events.db", Synchronous: "normal"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(t.Context()) })
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		message := fmt.Sprint("SM", round)
		channel := rapid.SampledFrom([]sdk.Channel{sdk.SMS, sdk.Email}).Draw(t, "channel")
		events := make([]sdk.Event, rapid.IntRange(1, 8).Draw(t, "events"))
		for i := range events {
			typ := sdk.EventType(rapid.IntRange(1, len(sdk.EventTypes())).Draw(t, "type"))
			events[i] = event(fmt.Sprint(round, "/", i), message, typ, rapid.IntRange(0, 5).Draw(t, "time"))
			events[i].Channel = channel
			events[i].SetAttr(sdk.AttrBounceClass, rapid.SampledFrom([]string{"", "hard", "soft"}).Draw(t, "class"))
			events[i].SetAttr(sdk.AttrMachine, rapid.SampledFrom([]string{"", "true"}).Draw(t, "machine"))
			events[i].SetAttr(sdk.AttrClockSuspect, rapid.SampledFrom([]string{"", "true"}).Draw(t, "suspect"))
		}
		sequence := append(append([]sdk.Event(nil), events...), rapid.SliceOfN(rapid.SampledFrom(events), 0, 6).Draw(t, "repeats")...)
		// Some arrive first as unknown words and get their type later.
		for i := range events {
			if events[i].Type != sdk.Unmapped && rapid.Bool().Draw(t, "unknown first") {
				early := events[i]
				early.Type, early.DeliveryStatus, early.Attributes = sdk.Unmapped, sdk.NoStatus, nil
				sequence = append([]sdk.Event{early}, sequence...)
			}
		}
		order := rapid.Permutation(sequence).Draw(t, "order")
		// Every event comes with its type at the end, so that all words are known.
		order = append(order, events...)
		for len(order) > 0 {
			n := rapid.IntRange(1, len(order)).Draw(t, "batch")
			if err := s.Write(t.Context(), order[:n], &sdk.Results{}); err != nil {
				t.Fatal(err)
			}
			order = order[n:]
		}
		var want fold.State
		for i := range events {
			e := &events[i]
			want.Add(fold.Of(e, e.Time.UnixMicro(), e.ReceivedAt.UnixMicro()))
		}
		got, facts := stored(t, s.db.conn, message)
		if facts != int64(len(events)) {
			t.Fatalf("got %d facts, want %d", facts, len(events))
		}
		if g, w := fmt.Sprintf("%x", got), fmt.Sprintf("%x", want.AppendBinary(nil)); g != w {
			t.Fatalf("state:\n got %s\nwant %s", g, w)
		}
	})
}

// stored reads the fold of a message and how many facts it has.
func stored(t *rapid.T, conn *sqlite.Conn, message string) (state []byte, facts int64) {
	b, err := newBinder(conn, `SELECT _pb_fold, (SELECT count(*) FROM pb_events WHERE _pb_message = message_no)
		FROM pb_message_state WHERE message_id = ?`)
	if err != nil {
		t.Fatal(err)
	}
	b.text(0, message)
	defer b.forget()
	if err := b.each(func(row *sqlite.Stmt) {
		state = make([]byte, row.ColumnLen(0))
		row.ColumnBytes(0, state)
		facts = row.ColumnInt64(1)
	}); err != nil {
		t.Fatal(err)
	}
	return state, facts
}
