package staged

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/sdk"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func FuzzMeta(f *testing.F) {
	note := Meta{Note: &Note{Outcome: journal.Duplicate, By: "dedup", Detail: "of x"}, Day: -5}
	event := Meta{Targets: []uint32{1, 1 << 31}, Order: 1 << 63, Day: 20000, Channel: 1, Type: 4}
	f.Add(note.Append(nil))
	f.Add(event.Append(nil))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, again Meta
		if m.Decode(b) != nil {
			return
		}
		if err := again.Decode(m.Append(nil)); err != nil || !sameMeta(&m, &again) {
			t.Fatalf("got %+v, %v, want %+v", again, err, m)
		}
	})
}

func sameMeta(a, b *Meta) bool {
	return reflect.DeepEqual(a.Note, b.Note) && slices.Equal(a.Targets, b.Targets) && a.Order == b.Order &&
		a.Day == b.Day && a.Channel == b.Channel && a.Type == b.Type
}

// TestMetaReuse: what an earlier entry said does not shine through a later one.
func TestMetaReuse(t *testing.T) {
	t.Parallel()
	first := Meta{Targets: []uint32{1, 2, 3}, Order: 9}
	second := Meta{Note: &Note{Outcome: journal.Filtered}}
	var m Meta
	for _, want := range []*Meta{&first, &second, {Targets: []uint32{4}}} {
		if err := m.Decode(want.Append(nil)); err != nil || !sameMeta(&m, want) {
			t.Errorf("got %+v, %v, want %+v", m, err, want)
		}
	}
	if !m.For(4) || m.For(1) {
		t.Errorf("targets: got %v, want 4 alone", m.Targets)
	}
}

func FuzzSummary(f *testing.F) {
	var b Builder
	b.Reset("twilio.support")
	b.Add(&sdk.Event{MessageID: "SM1", Recipient: "+1", RawOffset: 9})
	f.Add(b.Encode(), "SM1")
	f.Add([]byte{1, 0, 0, 0, 1}, "")
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, "x")
	f.Fuzz(func(_ *testing.T, v []byte, id string) {
		s, err := ParseSummary(v)
		if err == nil {
			s.MayHold(id)
		}
	})
}

// TestSummaryNeverMisses: a summary may say yes in vain, but never no.
func TestSummaryNeverMisses(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 12, 40)
		var b Builder
		b.Reset("s")
		var es []*sdk.Event
		for i := range rapid.IntRange(1, 60).Draw(t, "events") {
			e := &sdk.Event{
				ID: sdk.ID{byte(i), 1}, MessageID: text.Draw(t, "message"), Recipient: text.Draw(t, "recipient"),
				CustomerID: text.Draw(t, "customer"), RawOffset: rapid.Uint64Range(0, 1<<50).Draw(t, "offset"),
			}
			es = append(es, e)
			b.Add(e)
		}
		s, err := ParseSummary(b.Encode())
		if err != nil || s.Source != "s" {
			t.Fatalf("got %+v, %v", s, err)
		}
		for _, e := range es {
			if e.RawOffset < s.FirstRaw || e.RawOffset > s.LastRaw {
				t.Fatalf("request %d lies outside %d to %d", e.RawOffset, s.FirstRaw, s.LastRaw)
			}
			for _, id := range []string{e.MessageID, e.Recipient, e.CustomerID, e.ID.String()} {
				if id != "" && (!s.MayHold(id) || !Matches(e, id)) {
					t.Fatalf("id %q is missed", id)
				}
			}
		}
	})
}

// TestSummaryNarrows: few false yeses, or explain would read everything.
func TestSummaryNarrows(t *testing.T) {
	t.Parallel()
	var b Builder
	b.Reset("s")
	for i := range 512 {
		b.Add(&sdk.Event{ID: sdk.ID{byte(i), byte(i >> 8), 1}, MessageID: fmt.Sprint("SM", i), Recipient: fmt.Sprint("+4930", i)})
	}
	s, err := ParseSummary(b.Encode())
	if err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for i := range 10000 {
		if s.MayHold(fmt.Sprint("other", i)) {
			wrong++
		}
	}
	if wrong > 100 {
		t.Errorf("false answers: got %d of 10000, want at most 100", wrong)
	}
}

func TestEventFrame(t *testing.T) {
	t.Parallel()
	e := &sdk.Event{ID: sdk.ID{1}, MessageID: "m", Type: sdk.Delivered, SourcePayload: []byte("p"), Time: time.Unix(5, 0).UTC()}
	framed, scratch := AppendEvent([]byte("x"), e, nil)
	again, _ := AppendEvent(nil, e, scratch)
	if !bytes.Equal(framed[1:], again) {
		t.Errorf("with scratch: got %x, want %x", again, framed[1:])
	}
	got, err := Event(again)
	if err != nil || got.MessageID != "m" || got.Type != sdk.Delivered || !got.Time.Equal(e.Time) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range [][]byte{nil, {0x0a}, {0x0a, 5, 1}, {0x12, 1, 1}, append(again, 0)} {
		if _, err := Unframe(bad); err == nil {
			t.Errorf("frame %x was accepted", bad)
		}
	}
}

func TestDay(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		at   time.Time
		want int32
	}{
		{now, 20513}, {now.Add(-time.Microsecond), 20512}, {now.Add(47 * time.Hour), 20514}, {now.Add(49 * time.Hour), 0},
		{now.AddDate(-2, 0, 0), 0}, {time.Unix(-1, 0), 0}, {time.Time{}, 0}, {now.AddDate(8000, 0, 0), 0},
	} {
		if got := Day(&sdk.Event{ReceivedAt: now, Time: c.at}); got != c.want {
			t.Errorf("Day(%v): got %d, want %d", c.at, got, c.want)
		}
	}
}
