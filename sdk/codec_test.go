package sdk

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk/wire"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// drawMicros draws a time as the wire carries it; zero is no time.
func drawMicros(t *rapid.T, label string) time.Time {
	return fromMicros(rapid.OneOf(rapid.Int64(), rapid.Just(int64(0))).Draw(t, label))
}

func drawEvent(t *rapid.T) Event {
	text := func(label string) string { return rapid.String().Draw(t, label) }
	e := Event{
		MessageID: text("message"), ConversationID: text("conversation"), CustomerID: text("customer"),
		CampaignID: text("campaign"), Account: text("account"), Provider: text("provider"), Source: text("source"),
		ProviderStatus: text("status"), StatusCode: text("code"), ErrorReason: text("reason"), Recipient: text("to"),
		Sender: text("from"), ProviderID: text("id"), Identities: rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "identities"),
		Channel:        Channel(rapid.IntRange(0, int(channels)-1).Draw(t, "channel")),
		Direction:      Direction(rapid.IntRange(0, int(directions)-1).Draw(t, "direction")),
		Type:           EventType(rapid.IntRange(0, int(eventTypes)-1).Draw(t, "type")),
		DeliveryStatus: DeliveryStatus(rapid.IntRange(0, int(deliveryStatuses)-1).Draw(t, "delivery status")),
		Time:           drawMicros(t, "time"), ReceivedAt: drawMicros(t, "received"),
		SourcePayload: rapid.SliceOf(rapid.Byte()).Draw(t, "payload"),
		RawOffset:     rapid.Uint64().Draw(t, "offset"), RawIndex: rapid.IntRange(0, math.MaxInt32).Draw(t, "index"),
		PayloadOffset: rapid.IntRange(0, math.MaxInt32).Draw(t, "payload offset"),
		PayloadLength: rapid.IntRange(0, math.MaxInt32).Draw(t, "payload length"),
		MaybeWritten:  rapid.Bool().Draw(t, "maybe"), delivery: rapid.IntRange(0, math.MaxInt32).Draw(t, "delivery"),
	}
	copy(e.ID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "event id"))
	for _, name := range rapid.SliceOfNDistinct(rapid.String(), 0, 12, rapid.ID).Draw(t, "attributes") {
		e.Attributes = append(e.Attributes, Attribute{name, text("value")})
	}
	if len(e.SourcePayload) == 0 {
		e.SourcePayload = nil
	}
	if len(e.Identities) == 0 {
		e.Identities = nil
	}
	return e
}

// generated is the event as the generated code has it.
func generated(e *Event) *wire.Event {
	w := &wire.Event{
		MessageId: e.MessageID, ConversationId: e.ConversationID, CustomerId: e.CustomerID, CampaignId: e.CampaignID,
		Channel: wire.Channel(e.Channel), Direction: wire.Direction(e.Direction), EventType: wire.EventType(e.Type),
		EventTimestamp: micros(e.Time), ReceivedAt: micros(e.ReceivedAt), Provider: e.Provider, Source: e.Source,
		DeliveryStatus: wire.DeliveryStatus(e.DeliveryStatus), ProviderStatus: e.ProviderStatus, StatusCode: e.StatusCode,
		ErrorReason: e.ErrorReason, Recipient: e.Recipient, Sender: e.Sender, SourcePayload: e.SourcePayload,
		RawOffset: e.RawOffset, RawIndex: uint32(e.RawIndex), Account: e.Account, Delivery: uint32(e.delivery),
		ProviderId: e.ProviderID, Identities: e.Identities, PayloadOffset: uint64(e.PayloadOffset),
		PayloadLength: uint64(e.PayloadLength), MaybeWritten: e.MaybeWritten,
	}
	if !e.ID.IsZero() {
		w.EventId = e.ID[:]
	}
	for _, a := range e.Attributes {
		w.Attributes = append(w.Attributes, &wire.Attr{Name: a.Name, Value: a.Value})
	}
	return w
}

// The hand-written code and the generated code read what the other wrote.
func TestEventCodecIsTheGeneratedOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvent(t)
		want := generated(&e)
		var theirs wire.Event
		if err := proto.Unmarshal(e.AppendWire(nil), &theirs); err != nil || !proto.Equal(&theirs, want) {
			t.Fatalf("the generated code reads %v (%v), want %v", &theirs, err, want)
		}
		data, err := proto.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var ours Event
		if err := ours.UnmarshalWire(data); err != nil || !reflect.DeepEqual(ours, e) {
			t.Fatalf("read %+v (%v), want %+v", ours, err, e)
		}
		if again := ours.AppendWire([]byte("x")); !bytes.Equal(again[1:], e.AppendWire(nil)) || again[0] != 'x' {
			t.Fatalf("written again: %x, want %x", again, e.AppendWire(nil))
		}
	})
}

// A field that somebody adds to plugin.proto must be added here too.
func TestEveryEventFieldIsWritten(t *testing.T) {
	t.Parallel()
	e := Event{
		ID: ID{1}, MessageID: "a", ConversationID: "a", CustomerID: "a", CampaignID: "a", Account: "a", Channel: SMS,
		Direction: Inbound, Type: Sent, Time: time.UnixMicro(1), ReceivedAt: time.UnixMicro(1), Provider: "a", Source: "a",
		DeliveryStatus: StatusSent, ProviderStatus: "a", StatusCode: "a", ErrorReason: "a", Recipient: "a", Sender: "a",
		Attributes: Attributes{{"a", "b"}}, SourcePayload: []byte("a"), RawOffset: 1, RawIndex: 1, delivery: 1, ProviderID: "a",
		Identities: []string{"a"}, PayloadOffset: 1, PayloadLength: 1, MaybeWritten: true,
	}
	v := reflect.ValueOf(e)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the test leaves out the field %s", v.Type().Field(i).Name)
		}
	}
	checkAllSet(t, e.AppendWire(nil), &wire.Event{})
	d := Delivery{
		ReceivedAt: time.UnixMicro(1), Method: "a", URL: "a", Headers: []HeaderField{{"a", "b"}}, Body: []byte("a"), Remote: "a",
		Authenticated: true, Key: 1,
	}
	checkAllSet(t, d.AppendWire(nil), &wire.Delivery{})
}

func checkAllSet(t *testing.T, data []byte, m proto.Message) {
	t.Helper()
	if err := proto.Unmarshal(data, m); err != nil {
		t.Fatal(err)
	}
	r := m.ProtoReflect()
	if len(r.GetUnknown()) > 0 {
		t.Errorf("%s: the generated code does not know %x", r.Descriptor().Name(), r.GetUnknown())
	}
	for i := range r.Descriptor().Fields().Len() {
		if f := r.Descriptor().Fields().Get(i); !r.Has(f) {
			t.Errorf("%s: the field %s is not written", r.Descriptor().Name(), f.Name())
		}
	}
}

func TestDeliveryCodecIsTheGeneratedOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := Delivery{
			ReceivedAt: drawMicros(t, "received"), Method: rapid.String().Draw(t, "method"), URL: rapid.String().Draw(t, "url"),
			Body: rapid.SliceOfN(rapid.Byte(), 1, 99).Draw(t, "body"), Remote: rapid.String().Draw(t, "remote"),
			Authenticated: rapid.Bool().Draw(t, "authenticated"), Key: rapid.IntRange(0, math.MaxInt32).Draw(t, "key"),
		}
		want := &wire.Delivery{
			ReceivedAt: micros(d.ReceivedAt), Method: d.Method, Url: d.URL, Body: d.Body, Remote: d.Remote,
			Authenticated: d.Authenticated, Key: int32(d.Key),
		}
		for range rapid.IntRange(0, 15).Draw(t, "headers") {
			// HTTP allows bytes that are not UTF-8 in values.
			h := HeaderField{rapid.String().Draw(t, "name"), string(rapid.SliceOf(rapid.Byte()).Draw(t, "value"))}
			d.Headers = append(d.Headers, h)
			want.Headers = append(want.Headers, &wire.Header{Name: h.Name, Value: []byte(h.Value)})
		}
		var theirs wire.Delivery
		if err := proto.Unmarshal(d.AppendWire(nil), &theirs); err != nil || !sameDelivery(&theirs, want) {
			t.Fatalf("the generated code reads %v (%v), want %v", &theirs, err, want)
		}
		data, err := proto.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var ours Delivery
		if err := ours.UnmarshalWire(data); err != nil || !reflect.DeepEqual(ours, d) {
			t.Fatalf("read %+v (%v), want %+v", ours, err, d)
		}
	})
}

// sameDelivery is proto.Equal, but that a value of no bytes is no value.
func sameDelivery(a, b *wire.Delivery) bool {
	for _, d := range []*wire.Delivery{a, b} {
		for _, h := range d.Headers {
			if len(h.Value) == 0 {
				h.Value = nil
			}
		}
	}
	return proto.Equal(a, b)
}

func TestUnmarshalWireRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"half a tag", []byte{0x80}}, {"field 0", []byte{0x00, 0x00}}, {"a length beyond the end", []byte{0x12, 5, 'a'}},
		{"a message id as a number", []byte{0x10, 1}}, {"a type as text", []byte{0x42, 1, 'a'}},
		{"an event id of 3 bytes", []byte{0x0a, 3, 1, 2, 3}}, {"an attribute that is no message", []byte{0x9a, 0x01, 1, 0x80}},
		{"an attribute's name as a number", []byte{0x9a, 0x01, 2, 0x08, 1}}, {"a varint without an end", append([]byte{0x40}, bytes.Repeat([]byte{0x80}, 11)...)},
	} {
		var e Event
		if err := e.UnmarshalWire(c.data); !errors.Is(err, ErrWire) {
			t.Errorf("event with %s: got %+v, %v, want ErrWire", c.name, e, err)
		}
	}
	for _, data := range [][]byte{{0x80}, {0x10, 1}, {0x08}, {0x22, 1, 0x80}, {0x22, 2, 0x08, 1}, {0x2a, 9}} {
		var d Delivery
		if err := d.UnmarshalWire(data); !errors.Is(err, ErrWire) {
			t.Errorf("delivery %x: got %+v, %v, want ErrWire", data, d, err)
		}
	}
}

// Newer plugins may send what this code does not know.
func TestUnknownFieldsAreSkipped(t *testing.T) {
	t.Parallel()
	unknown := []byte{0xf8, 0x07, 1, 0xfa, 0x07, 2, 'h', 'i', 0xfd, 0x07, 1, 2, 3, 4, 0x62 + 0x80, 0x04, 1, 'x'}
	e := Event{MessageID: "m", Attributes: Attributes{{"a", "b"}}}
	var got Event
	if err := got.UnmarshalWire(append(unknown, e.AppendWire(nil)...)); err != nil || !reflect.DeepEqual(got, e) {
		t.Errorf("event: got %+v, %v, want %+v", got, err, e)
	}
	d := Delivery{Method: "POST", Body: []byte("b")}
	var gotD Delivery
	if err := gotD.UnmarshalWire(append(d.AppendWire(nil), unknown...)); err != nil || !reflect.DeepEqual(gotD, d) {
		t.Errorf("delivery: got %+v, %v, want %+v", gotD, err, d)
	}
}

func TestRepeatedAttributeIsTheLast(t *testing.T) {
	t.Parallel()
	data := append((&Event{Attributes: Attributes{{"a", "1"}, {"b", "2"}}}).AppendWire(nil), (&Event{Attributes: Attributes{{"a", "3"}}}).AppendWire(nil)...)
	var got Event
	if err := got.UnmarshalWire(data); err != nil || !reflect.DeepEqual(got.Attributes, Attributes{{"a", "3"}, {"b", "2"}}) {
		t.Errorf("got %+v, %v", got.Attributes, err)
	}
}

// FuzzUnmarshalWire: nothing panics; what can be read is written and read back
// the same; and what the generated code makes of it, is read the same.
func FuzzUnmarshalWire(f *testing.F) {
	e := jsonEvent()
	f.Add(e.AppendWire(nil))
	f.Add((&Delivery{Method: "POST", Headers: []HeaderField{{"A", "b"}}, Body: []byte("x")}).AppendWire(nil))
	f.Add([]byte(strings.Repeat("\x9a\x01\x02\x0a\x00", 5)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first Event
		if err := first.UnmarshalWire(data); err == nil {
			var again Event
			if err := again.UnmarshalWire(first.AppendWire(nil)); err != nil || !sameEvent(&first, &again) {
				t.Fatalf("first %+v, again %+v, %v", first, again, err)
			}
		}
		var d Delivery
		if err := d.UnmarshalWire(data); err == nil {
			var again Delivery
			if err := again.UnmarshalWire(d.AppendWire(nil)); err != nil || !bytes.Equal(again.Body, d.Body) || again.URL != d.URL {
				t.Fatalf("first %+v, again %+v, %v", d, again, err)
			}
		}
		var theirs wire.Event
		// Fields of the wrong kind are unknown to the generated code, and refused here.
		known := proto.UnmarshalOptions{DiscardUnknown: true}
		if known.Unmarshal(data, &theirs) != nil || len(theirs.EventId) != 0 && len(theirs.EventId) != 16 {
			return
		}
		canonical, err := proto.Marshal(&theirs)
		if err != nil {
			t.Fatal(err)
		}
		var ours Event
		if err := ours.UnmarshalWire(canonical); err != nil {
			t.Fatalf("%v: %v", &theirs, err)
		}
		if ours.MessageID != theirs.MessageId || ours.RawOffset != theirs.RawOffset || ours.ErrorReason != theirs.ErrorReason ||
			!bytes.Equal(ours.SourcePayload, theirs.SourcePayload) || len(ours.Identities) != len(theirs.Identities) {
			t.Fatalf("got %+v, the generated code %v", ours, &theirs)
		}
	})
}

// sameEvent is equality, but that no payload and no bytes of it are the same.
func sameEvent(a, b *Event) bool { return bytes.Equal(a.AppendWire(nil), b.AppendWire(nil)) }
