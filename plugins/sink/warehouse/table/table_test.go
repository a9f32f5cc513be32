package table

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/patchbay-io/patchbay/plugins/sink/warehouse/fold"
	"github.com/patchbay-io/patchbay/sdk"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The tables are data that engines trust.
func TestTablesAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, table := range []Table{Events(), States(), Loads(), Schema()} {
		seen := map[string]bool{table.Primary: true}
		for _, c := range table.Columns {
			if seen[c.Name] || c.Name == "" || c.Doc == "" || c.Name != strings.ToLower(c.Name) {
				t.Errorf("%s: column %q is there twice, unnamed, undocumented or not lower case", table.Name, c.Name)
			}
			seen[c.Name] = true
		}
		for _, key := range table.Unique {
			for _, name := range key {
				if !seen[name] {
					t.Errorf("%s: key of an unknown column %q", table.Name, name)
				}
			}
		}
	}
	for _, name := range append(Mapped(), EventLoad, EventMessage) {
		if !slices.ContainsFunc(Events().Columns, func(c Column) bool { return c.Name == name }) {
			t.Errorf("pb_events has no column %q", name)
		}
	}
	for _, name := range append(append(MessageKey(), MessageIdentity()...), StateFold) {
		if !slices.ContainsFunc(States().Columns, func(c Column) bool { return c.Name == name }) {
			t.Errorf("pb_message_state has no column %q", name)
		}
	}
}

func TestEveryColumnHasItsValue(t *testing.T) {
	t.Parallel()
	var r Row
	r.Set(&sdk.Event{ReceivedAt: time.Unix(5, 0)})
	for _, f := range Facts() {
		switch f.Kind {
		case Text:
			if f.Text == nil || f.Int != nil {
				t.Errorf("%s: a text has exactly a Text", f.Name)
			}
		case Time, Int:
			if f.Int == nil || f.Text != nil {
				t.Errorf("%s: a number has exactly an Int", f.Name)
			}
		default:
			if f.Text != nil || f.Int != nil {
				t.Errorf("%s: a field of Row has no function", f.Name)
			}
		}
	}
	var result fold.Result
	for _, v := range Verdicts() {
		set := 0
		if v.Text != nil {
			set++
		}
		if v.ID != nil {
			set++
		}
		if v.Int != nil {
			set++
			if _, ok := v.Int(&result); v.Required && !ok {
				t.Errorf("%s: required, but absent for a message without events", v.Name)
			}
		}
		if set != 1 {
			t.Errorf("%s: got %d functions, want 1", v.Name, set)
		}
	}
}

func TestTimeFallsBackToReceipt(t *testing.T) {
	t.Parallel()
	var r Row
	r.Set(&sdk.Event{ReceivedAt: time.UnixMicro(77)})
	if r.Time != 77 || r.ReceivedAt != 77 {
		t.Errorf("got %d and %d, want 77", r.Time, r.ReceivedAt)
	}
	r.Set(&sdk.Event{Time: time.UnixMicro(5), ReceivedAt: time.UnixMicro(77)})
	if r.Time != 5 {
		t.Errorf("got %d, want 5", r.Time)
	}
}

// Attributes are valid JSON whatever they hold; what was changed is noted, and
// nothing else is. The event itself is never changed.
func FuzzRow(f *testing.F) {
	f.Add("region", "eu", "SM1", []byte("{}"))
	f.Add("a\"b", "\x00\x01\n\\", "é\xff", []byte{0xff, 0})
	f.Add("", "\u2028\ufffd", "", []byte("text\x00"))
	f.Fuzz(func(t *testing.T, name, value, message string, payload []byte) {
		e := sdk.Event{MessageID: message, SourcePayload: payload, Attributes: sdk.Attributes{{Name: name, Value: value}}}
		var r Row
		r.Set(&sdk.Event{MessageID: "other\x00", Attributes: sdk.Attributes{{Name: "x", Value: "y"}}}) // rows are used again
		r.Set(&e)
		var got map[string]string
		if err := json.Unmarshal(r.Attributes, &got); err != nil {
			t.Fatalf("%q: %v", r.Attributes, err)
		}
		usable := func(s string) string {
			return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
		}
		if v, ok := got[usable(name)]; !ok || v != usable(value) || len(got) != 1 {
			t.Errorf("got %q, want %q: %q", got, usable(name), usable(value))
		}
		if r.Event.MessageID != usable(message) || e.MessageID != message {
			t.Errorf("message: got %q, want %q", r.Event.MessageID, usable(message))
		}
		clean := usable(name) == name && usable(value) == value && usable(message) == message
		var changes []struct{ Field, Change string }
		if len(r.Meta) > 0 {
			if err := json.Unmarshal(r.Meta, &changes); err != nil {
				t.Fatalf("%q: %v", r.Meta, err)
			}
		}
		if clean != (len(changes) == 0) {
			t.Errorf("clean %t, but changes %v", clean, changes)
		}
		if want := utf8.Valid(payload) && !strings.Contains(string(payload), "\x00"); r.PayloadIsText() != want || string(r.Event.SourcePayload) != string(payload) {
			t.Errorf("payload: text %t, want %t, unchanged", r.PayloadIsText(), want)
		}
	})
}
