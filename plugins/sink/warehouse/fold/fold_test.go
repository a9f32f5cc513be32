package fold

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const second = 1_000_000

func id(n int) (out sdk.ID) {
	out[15], out[14] = byte(n), byte(n>>8)
	return out
}

// ev is an event at a number of seconds that asserts what its type asserts.
func ev(n int, at int64, typ sdk.EventType, options ...func(*Event)) Event {
	e := Event{ID: id(n), Time: at * second, Type: typ, Status: typ.Asserts(), Channel: sdk.SMS, Direction: sdk.Outbound}
	for _, o := range options {
		o(&e)
	}
	return e
}

func on(c sdk.Channel) func(*Event)    { return func(e *Event) { e.Channel = c } }
func class(c string) func(*Event)      { return func(e *Event) { e.BounceClass = c } }
func byMachine(e *Event)               { e.Machine = true }
func plus(micros int64) func(e *Event) { return func(e *Event) { e.Time += micros } }

func folded(events ...Event) Result {
	var s State
	for _, e := range events {
		s.Add(e)
	}
	return s.Result()
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	email := on(sdk.Email)
	for _, c := range []struct {
		name     string
		events   []Event
		status   sdk.DeliveryStatus
		at       int64 // seconds
		by       int   // the event that decides, 0 for none
		flags    string
		channels []sdk.Channel
	}{
		{name: "nothing asserted", events: []Event{ev(1, 5, sdk.Received)}},
		{name: "late lower rank", events: []Event{ev(1, 9, sdk.Sent), ev(2, 5, sdk.Delivered)}, status: sdk.StatusDelivered, at: 5, by: 2, flags: "delivered"},
		{name: "first time, latest event", events: []Event{ev(1, 9, sdk.Delivered), ev(2, 5, sdk.Delivered)}, status: sdk.StatusDelivered, at: 5, by: 1, flags: "delivered"},
		{name: "equal times, greater id", events: []Event{ev(2, 5, sdk.Sent), ev(1, 5, sdk.Sent)}, status: sdk.StatusSent, at: 5, by: 2},
		{name: "sms failed then delivered", events: []Event{ev(1, 5, sdk.Failed), ev(2, 6, sdk.Delivered)}, status: sdk.StatusDelivered, at: 6, by: 2, flags: "delivered conflict"},
		{name: "sms delivered then bounced", events: []Event{ev(1, 5, sdk.Delivered), ev(2, 600, sdk.Bounced)}, status: sdk.StatusDelivered, at: 5, by: 1, flags: "delivered conflict"},
		{name: "sms suppressed over bounced", events: []Event{ev(1, 5, sdk.Suppressed), ev(2, 6, sdk.Bounced)}, status: sdk.StatusSuppressed, at: 5, by: 1},
		{name: "sms deferred below sent", events: []Event{ev(1, 5, sdk.Sent), ev(2, 6, sdk.Deferred)}, status: sdk.StatusSent, at: 5, by: 1},
		{name: "sms canceled below failed", events: []Event{ev(1, 9, sdk.Canceled), ev(2, 6, sdk.Failed)}, status: sdk.StatusFailed, at: 6, by: 2},
		{name: "chat read", events: []Event{ev(1, 5, sdk.Read, on(sdk.Chatbot)), ev(2, 6, sdk.Delivered, on(sdk.Chatbot))}, status: sdk.StatusRead, at: 5, by: 1, flags: "delivered"},
		{name: "sms click infers nothing", events: []Event{ev(1, 5, sdk.Sent), ev(2, 6, sdk.Clicked)}, status: sdk.StatusSent, at: 5, by: 1},

		{name: "email deferred over sent", events: []Event{ev(1, 5, sdk.Sent, email), ev(2, 4, sdk.Deferred, email)}, status: sdk.StatusDeferred, at: 4, by: 2},
		{name: "email hard bounce after delivered", events: []Event{ev(1, 5, sdk.Delivered, email), ev(2, 600, sdk.Bounced, email, class("hard"))}, status: sdk.StatusBounced, at: 600, by: 2, flags: "delivered"},
		{name: "email hard bounce before delivered", events: []Event{ev(1, 5, sdk.Bounced, email, class("hard")), ev(2, 600, sdk.Delivered, email)}, status: sdk.StatusBounced, at: 5, by: 1, flags: "delivered"},
		{name: "email soft bounce, then delivered", events: []Event{ev(1, 5, sdk.Bounced, email, class("soft")), ev(2, 600, sdk.Delivered, email)}, status: sdk.StatusDelivered, at: 600, by: 2, flags: "delivered"},
		{name: "email soft bounce after delivered", events: []Event{ev(1, 600, sdk.Bounced, email, class("soft")), ev(2, 5, sdk.Delivered, email)}, status: sdk.StatusBounced, at: 600, by: 1, flags: "delivered"},
		{name: "email block within a second", events: []Event{ev(1, 5, sdk.Bounced, email, class("block")), ev(2, 6, sdk.Delivered, email)}, status: sdk.StatusBounced, at: 5, by: 1, flags: "delivered"},
		{name: "email block, just over a second", events: []Event{ev(1, 5, sdk.Bounced, email, class("block")), ev(2, 6, sdk.Delivered, email, plus(1))}, status: sdk.StatusDelivered, by: 2, at: -1, flags: "delivered"},
		{name: "email failed, then delivered", events: []Event{ev(1, 5, sdk.Failed, email), ev(2, 60, sdk.Delivered, email)}, status: sdk.StatusDelivered, at: 60, by: 2, flags: "delivered conflict"},
		{name: "email failed for now, then delivered", events: []Event{ev(1, 5, sdk.Failed, email, class("soft")), ev(2, 60, sdk.Delivered, email)}, status: sdk.StatusDelivered, at: 60, by: 2, flags: "delivered"},
		{name: "email suppressed, then delivered", events: []Event{ev(1, 5, sdk.Suppressed, email), ev(2, 60, sdk.Delivered, email)}, status: sdk.StatusDelivered, at: 60, by: 2, flags: "delivered conflict"},
		{name: "email delivered, then suppressed", events: []Event{ev(1, 60, sdk.Suppressed, email), ev(2, 5, sdk.Delivered, email)}, status: sdk.StatusSuppressed, at: 60, by: 1, flags: "delivered"},
		{name: "email equal ranks, the later", events: []Event{ev(1, 60, sdk.Suppressed, email), ev(2, 50, sdk.Failed, email)}, status: sdk.StatusSuppressed, at: 60, by: 1},
		{name: "open infers delivered", events: []Event{ev(1, 5, sdk.Sent, email), ev(2, 60, sdk.Opened, email)}, status: sdk.StatusDelivered, at: 60, flags: "inferred"},
		{name: "delivered replaces the inference", events: []Event{ev(1, 90, sdk.Delivered, email), ev(2, 60, sdk.Opened, email)}, status: sdk.StatusDelivered, at: 90, by: 1, flags: "delivered"},
		{name: "machine open infers sent", events: []Event{ev(1, 5, sdk.Queued, email), ev(2, 60, sdk.Opened, email, byMachine)}, status: sdk.StatusSent, at: 60, flags: "inferred"},
		{name: "machine open after sent", events: []Event{ev(1, 5, sdk.Sent, email), ev(2, 60, sdk.Opened, email, byMachine)}, status: sdk.StatusSent, at: 5, by: 1},
		{name: "open after hard bounce", events: []Event{ev(1, 5, sdk.Bounced, email, class("hard")), ev(2, 60, sdk.Opened, email)}, status: sdk.StatusBounced, at: 5, by: 1},
		{name: "complaint changes nothing", events: []Event{ev(1, 5, sdk.Delivered, email), ev(2, 60, sdk.Complained, email), ev(3, 61, sdk.OptedOut, email)}, status: sdk.StatusDelivered, at: 5, by: 1, flags: "delivered"},
		{name: "canceled, but opened", events: []Event{ev(1, 5, sdk.Canceled, email), ev(2, 60, sdk.Opened, email)}, status: sdk.StatusDelivered, at: 60, flags: "inferred conflict"},
		{name: "push is as email", events: []Event{ev(1, 5, sdk.Delivered, on(sdk.Push)), ev(2, 60, sdk.Bounced, on(sdk.Push), class("hard"))}, status: sdk.StatusBounced, at: 60, by: 2, flags: "delivered"},
	} {
		r := folded(c.events...)
		at := r.StatusAt.At / second
		if c.at < 0 {
			at = c.at
		}
		var flags []string
		for _, f := range []struct {
			on   bool
			name string
		}{{r.WasDelivered, "delivered"}, {r.Inferred, "inferred"}, {r.Conflict, "conflict"}} {
			if f.on {
				flags = append(flags, f.name)
			}
		}
		var want sdk.ID
		if c.by > 0 {
			want = id(c.by)
		}
		got := fmt.Sprint(r.Status, at, r.StatusEvent, flags)
		expect := fmt.Sprint(c.status, c.at, want, fields(c.flags))
		if got != expect {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, expect)
		}
	}
}

func fields(s string) []string {
	var out []string
	for _, f := range bytes.Fields([]byte(s)) {
		out = append(out, string(f))
	}
	return out
}

func TestEngagement(t *testing.T) {
	t.Parallel()
	email := on(sdk.Email)
	r := folded(
		ev(1, 50, sdk.Opened, email), ev(2, 40, sdk.Opened, email), ev(3, 10, sdk.Opened, email, byMachine),
		ev(4, 60, sdk.Clicked, email), ev(5, 11, sdk.Clicked, email, byMachine), ev(6, 12, sdk.Clicked, email, byMachine),
		ev(7, 70, sdk.Replied, email), ev(8, 80, sdk.Converted, email), ev(9, 90, sdk.Complained, email), ev(10, 91, sdk.OptedOut, email),
		ev(11, 1, sdk.Deferred, email), ev(12, 2, sdk.Deferred, email), ev(13, 3, sdk.Bounced, email), ev(14, 2, sdk.Failed, email),
	)
	got := fmt.Sprint(r.Opened, r.OpenedMachine, r.Clicked, r.ClickedMachine, r.Replied, r.Converted, r.Complained, r.OptedOut,
		r.Deferrals, r.Events, r.FirstEvent, r.LastEvent, r.Failed)
	want := fmt.Sprint(count(2, 40), count(1, 10), count(1, 60), count(2, 11), count(1, 70), count(1, 80), moment(90), moment(91),
		2, 14, moment(1), moment(91), moment(2))
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func moment(at int64) Moment        { return Moment{at * second, true} }
func count(n int64, at int64) Count { return Count{n, moment(at)} }

func TestOfTakesTheTimeOfReceiptForASuspectClock(t *testing.T) {
	t.Parallel()
	e := sdk.Event{Type: sdk.Bounced, DeliveryStatus: sdk.StatusBounced}
	e.SetAttr(sdk.AttrBounceClass, "hard")
	e.SetAttr(sdk.AttrMachine, "true")
	if got := Of(&e, 9, 5); got.Time != 9 || got.BounceClass != "hard" || !got.Machine {
		t.Errorf("got %+v, want time 9, class hard, machine", got)
	}
	e.SetAttr(sdk.AttrClockSuspect, "true")
	if got := Of(&e, 9, 5); got.Time != 5 {
		t.Errorf("suspect clock: got time %d, want 5", got.Time)
	}
}

// anyEvents draws the events of one message. Times are few, so that many are
// equal or within a second.
func anyEvents(t *rapid.T) []Event {
	channel := rapid.SampledFrom([]sdk.Channel{sdk.NoChannel, sdk.SMS, sdk.Email, sdk.Push, sdk.Chatbot}).Draw(t, "channel")
	n := rapid.IntRange(0, 9).Draw(t, "n")
	out := make([]Event, n)
	for i := range out {
		typ := sdk.EventType(rapid.IntRange(0, len(sdk.EventTypes())).Draw(t, "type"))
		out[i] = Event{
			ID: id(i + 1), Type: typ, Status: typ.Asserts(), Channel: channel, Direction: sdk.Outbound,
			Time:        rapid.Int64Range(-4, 12).Draw(t, "time") * second / 2,
			BounceClass: rapid.SampledFrom([]string{"", "hard", "soft", "block", "other"}).Draw(t, "class"),
			Machine:     rapid.Bool().Draw(t, "machine"),
		}
	}
	return out
}

// The state is the same for every order of arrival, and its encoding is exact.
func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := anyEvents(t)
		var a, b State
		for _, e := range events {
			a.Add(e)
		}
		for _, e := range rapid.Permutation(events).Draw(t, "order") {
			// Each step goes through the encoding, as it does in a warehouse.
			var next State
			if err := next.UnmarshalBinary(b.AppendBinary(nil)); err != nil {
				t.Fatal(err)
			}
			b = next
			b.Add(e)
		}
		if x, y := a.AppendBinary(nil), b.AppendBinary(nil); !bytes.Equal(x, y) {
			t.Fatalf("states differ:\n %x\n %x", x, y)
		}
		if a.Result() != b.Result() {
			t.Fatalf("results differ:\n %+v\n %+v", a.Result(), b.Result())
		}
	})
}

// reference is the verdict straight from the rules, by looking at all events at
// once: slow, and written without the fold's statistics.
func reference(events []Event) (status sdk.DeliveryStatus, decided sdk.ID, inferred, conflict bool) {
	mail := len(events) > 0 && (events[0].Channel == sdk.Email || events[0].Channel == sdk.Push)
	ranks := map[sdk.DeliveryStatus]int{
		sdk.StatusQueued: 10, sdk.StatusDeferred: 20, sdk.StatusSent: 30, sdk.StatusCanceled: 40, sdk.StatusFailed: 50,
		sdk.StatusBounced: 55, sdk.StatusSuppressed: 57, sdk.StatusDelivered: 60, sdk.StatusRead: 70,
	}
	if mail {
		ranks = map[sdk.DeliveryStatus]int{
			sdk.StatusQueued: 10, sdk.StatusSent: 20, sdk.StatusDeferred: 30, sdk.StatusCanceled: 40, sdk.StatusDelivered: 50,
			sdk.StatusRead: 55, sdk.StatusFailed: 60, sdk.StatusSuppressed: 60, sdk.StatusBounced: 70,
		}
	}
	positive := func(s sdk.DeliveryStatus) bool { return s == sdk.StatusDelivered || s == sdk.StatusRead }
	hard := func(e Event) bool { return e.Status == sdk.StatusBounced && e.BounceClass == "hard" }
	// dropped: a later proof of delivery than every event of the same claim.
	dropped := func(e Event) bool {
		if !mail || ranks[e.Status] < 60 || hard(e) {
			return false
		}
		temporary := func(e Event) bool {
			return e.Status == sdk.StatusFailed && (e.BounceClass == "soft" || e.BounceClass == "block")
		}
		last := e.Time
		for _, o := range events {
			if o.Status == e.Status && !hard(o) && temporary(o) == temporary(e) {
				last = max(last, o.Time)
			}
		}
		return slices.ContainsFunc(events, func(o Event) bool { return positive(o.Status) && o.Time > last+second })
	}
	var standing []Event
	for _, e := range events {
		if e.Status != sdk.NoStatus && !dropped(e) {
			standing = append(standing, e)
		}
	}
	slices.SortFunc(standing, func(a, b Event) int {
		return cmp.Or(-cmp.Compare(ranks[a.Status], ranks[b.Status]), -cmp.Compare(a.Time, b.Time), -bytes.Compare(a.ID[:], b.ID[:]))
	})
	if len(standing) > 0 {
		status, decided = standing[0].Status, standing[0].ID
	}
	engaged := func(machine bool) bool {
		return slices.ContainsFunc(events, func(e Event) bool {
			return e.Machine == machine && slices.Contains([]sdk.EventType{sdk.Opened, sdk.Clicked, sdk.Replied, sdk.Converted}, e.Type)
		})
	}
	switch {
	case mail && engaged(false) && ranks[status] < 50:
		status, decided, inferred = sdk.StatusDelivered, sdk.ID{}, true
	case mail && engaged(true) && ranks[status] < 20:
		status, decided, inferred = sdk.StatusSent, sdk.ID{}, true
	}
	for _, e := range events {
		denies := slices.Contains([]sdk.DeliveryStatus{sdk.StatusCanceled, sdk.StatusFailed, sdk.StatusSuppressed, sdk.StatusBounced}, e.Status)
		if mail {
			denies = denies && e.Status != sdk.StatusBounced &&
				!(e.Status == sdk.StatusFailed && (e.BounceClass == "soft" || e.BounceClass == "block"))
		}
		conflict = conflict || denies && positive(status)
	}
	return status, decided, inferred, conflict
}

func TestVerdictMatchesTheReference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := anyEvents(t)
		r := folded(events...)
		status, decided, inferred, conflict := reference(events)
		got := fmt.Sprint(r.Status, r.StatusEvent, r.Inferred, r.Conflict)
		want := fmt.Sprint(status, decided, inferred, conflict)
		if got != want {
			t.Fatalf("events %+v:\n got %s\nwant %s", events, got, want)
		}
	})
}

func FuzzUnmarshal(f *testing.F) {
	var s State
	for i, typ := range []sdk.EventType{sdk.Queued, sdk.Delivered, sdk.Opened, sdk.Deferred} {
		s.Add(ev(i, int64(i), typ))
	}
	f.Add(s.AppendBinary(nil))
	f.Add([]byte{formatVersion, 1, 1})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var s, again State
		if err := s.UnmarshalBinary(b); err != nil {
			return
		}
		_ = s.Result()
		if err := again.UnmarshalBinary(s.AppendBinary(nil)); err != nil {
			t.Fatalf("encoding of a decoded state: %v", err)
		}
		if again != s {
			t.Fatalf("got %+v, want %+v", again, s)
		}
	})
}
