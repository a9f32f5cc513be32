package sdk

import (
	"encoding"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/sdk/wire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The words are those of plugin.proto, number by number.
func TestWordsAreThoseOfTheWire(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		prefix string
		enum   protoreflect.EnumDescriptor
		names  []string
	}{
		{"EVENT_TYPE_", wire.EventType(0).Descriptor(), eventTypeNames[:]},
		{"CHANNEL_", wire.Channel(0).Descriptor(), channelNames[:]},
		{"DIRECTION_", wire.Direction(0).Descriptor(), directionNames[:]},
		{"DELIVERY_STATUS_", wire.DeliveryStatus(0).Descriptor(), deliveryStatusNames[:]},
	} {
		if got := c.enum.Values().Len(); got != len(c.names) {
			t.Errorf("%s: %d words, the wire has %d", c.prefix, len(c.names), got)
			continue
		}
		for i, name := range c.names[1:] {
			v := c.enum.Values().ByNumber(protoreflect.EnumNumber(i + 1))
			if want := c.prefix + strings.ToUpper(name); v == nil || string(v.Name()) != want {
				t.Errorf("number %d is %v on the wire, want %s", i+1, v, want)
			}
		}
	}
}

func TestWordsRoundTrip(t *testing.T) {
	t.Parallel()
	check := func(word string, v interface {
		encoding.TextMarshaler
		encoding.TextUnmarshaler
	}) {
		t.Helper()
		if err := v.UnmarshalText([]byte(word)); err != nil {
			t.Errorf("%q: %v", word, err)
		}
		if got, err := v.MarshalText(); err != nil || string(got) != word {
			t.Errorf("%q comes back as %q, %v", word, got, err)
		}
		if err := v.UnmarshalText([]byte(word + "!")); err == nil {
			t.Errorf("%q is a word", word+"!")
		}
	}
	for _, w := range EventTypes() {
		check(w, new(EventType))
	}
	for _, w := range Channels() {
		check(w, new(Channel))
	}
	for _, w := range Directions() {
		check(w, new(Direction))
	}
	for _, w := range DeliveryStatuses() {
		check(w, new(DeliveryStatus))
	}
	if got := EventType(200).String(); got != "event_type(200)" || EventType(200).Asserts() != NoStatus {
		t.Errorf("a type that does not exist is %q and asserts %q", got, EventType(200).Asserts())
	}
}

func TestIDText(t *testing.T) {
	t.Parallel()
	id := ID{0xab, 15: 0x01}
	if got, err := ParseID(id.String()); err != nil || got != id || id.IsZero() || !(ID{}).IsZero() {
		t.Errorf("%s comes back as %s, %v", id, got, err)
	}
	for _, bad := range []string{"", "ab", strings.Repeat("g", 32), strings.Repeat("0", 33)} {
		var got ID
		if err := got.UnmarshalText([]byte(bad)); err == nil || !got.IsZero() {
			t.Errorf("%q is the id %s", bad, got)
		}
	}
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	var e Event
	e.SetAttr("b", "1")
	e.SetAttr("a", "2")
	e.SetAttr("b", "3")
	e.SetAttr("c", "")
	if len(e.Attributes) != 2 || e.Attr("b") != "3" || e.Attributes[0].Name != "b" || e.Attr("c") != "" {
		t.Errorf("got %v", e.Attributes)
	}
	if _, ok := e.Attributes.Get("c"); ok {
		t.Errorf("an empty value was set: %v", e.Attributes)
	}
}
