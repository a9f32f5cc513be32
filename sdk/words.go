package sdk

import "fmt"

// EventType says what happened. Its numbers are the wire's (EventType in
// sdk/wire/plugin.proto) and never change.
type EventType uint8

// The event types. configs/dictionary.csv says in plain English what each
// promises.
const (
	Unspecified EventType = iota
	Queued
	Sent
	Deferred
	Delivered
	Bounced
	Failed
	Canceled
	Suppressed
	Opened
	Clicked
	Read
	Received
	Replied
	OptedIn
	OptedOut
	Complained
	Converted
	ConversationOpened
	ConversationClosed
	HandedOff
	// Unmapped is a word that no mapping knows: kept, delivered and counted,
	// never dropped and never guessed.
	Unmapped
	eventTypes
)

var eventTypeNames = [eventTypes]string{
	"", "queued", "sent", "deferred", "delivered", "bounced", "failed", "canceled", "suppressed",
	"opened", "clicked", "read", "received", "replied", "opted_in", "opted_out", "complained",
	"converted", "conversation_opened", "conversation_closed", "handed_off", "unmapped",
}

// Channel is the kind of medium.
type Channel uint8

// The channels.
const (
	NoChannel Channel = iota
	SMS
	Email
	Push
	Chatbot
	channels
)

var channelNames = [channels]string{"", "sms", "email", "push", "chatbot"}

// Direction says who wrote the message.
type Direction uint8

// The directions.
const (
	NoDirection Direction = iota
	Outbound              // we wrote it
	Inbound               // the customer wrote it
	directions
)

var directionNames = [directions]string{"", "outbound", "inbound"}

// DeliveryStatus is the state of a message that one event asserts. The current
// state of a message is folded from all its events by rank.
type DeliveryStatus uint8

// The delivery statuses.
const (
	NoStatus DeliveryStatus = iota
	StatusQueued
	StatusDeferred
	StatusSent
	StatusCanceled
	StatusFailed
	StatusBounced
	StatusSuppressed
	StatusDelivered
	StatusRead
	deliveryStatuses
)

var deliveryStatusNames = [deliveryStatuses]string{
	"", "queued", "deferred", "sent", "canceled", "failed", "bounced", "suppressed", "delivered", "read",
}

// asserts is the state that an event of each type asserts; types without an
// entry say nothing about delivery.
var asserts = [eventTypes]DeliveryStatus{
	Queued: StatusQueued, Sent: StatusSent, Deferred: StatusDeferred, Delivered: StatusDelivered,
	Bounced: StatusBounced, Failed: StatusFailed, Canceled: StatusCanceled, Suppressed: StatusSuppressed,
	Read: StatusRead,
}

// Asserts returns the delivery status that an event of this type asserts.
func (t EventType) Asserts() DeliveryStatus {
	if t >= eventTypes {
		return NoStatus
	}
	return asserts[t]
}

func name[T ~uint8](names []string, kind string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("%s(%d)", kind, v)
}

func parse[T ~uint8](names []string, kind, s string) (T, error) {
	for i, n := range names {
		if n == s {
			return T(i), nil
		}
	}
	return 0, fmt.Errorf("sdk: unknown %s %q", kind, s)
}

// String returns the word, e.g. "delivered"; Unspecified is empty.
func (t EventType) String() string { return name(eventTypeNames[:], "event_type", t) }

// ParseEventType reads what String wrote.
func ParseEventType(s string) (EventType, error) {
	return parse[EventType](eventTypeNames[:], "event_type", s)
}

// EventTypes lists the words in the order of their numbers, without the empty one.
func EventTypes() []string { return append([]string(nil), eventTypeNames[1:]...) }

// MarshalText implements encoding.TextMarshaler.
func (t EventType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *EventType) UnmarshalText(b []byte) (err error) {
	*t, err = ParseEventType(string(b))
	return err
}

// String returns the word, e.g. "sms".
func (c Channel) String() string { return name(channelNames[:], "channel", c) }

// ParseChannel reads what String wrote.
func ParseChannel(s string) (Channel, error) { return parse[Channel](channelNames[:], "channel", s) }

// Channels lists the words in the order of their numbers, without the empty one.
func Channels() []string { return append([]string(nil), channelNames[1:]...) }

// MarshalText implements encoding.TextMarshaler.
func (c Channel) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Channel) UnmarshalText(b []byte) (err error) {
	*c, err = ParseChannel(string(b))
	return err
}

// String returns the word, e.g. "outbound".
func (d Direction) String() string { return name(directionNames[:], "direction", d) }

// ParseDirection reads what String wrote.
func ParseDirection(s string) (Direction, error) {
	return parse[Direction](directionNames[:], "direction", s)
}

// Directions lists the words in the order of their numbers, without the empty one.
func Directions() []string { return append([]string(nil), directionNames[1:]...) }

// MarshalText implements encoding.TextMarshaler.
func (d Direction) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Direction) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDirection(string(b))
	return err
}

// String returns the word, e.g. "delivered".
func (s DeliveryStatus) String() string { return name(deliveryStatusNames[:], "delivery_status", s) }

// ParseDeliveryStatus reads what String wrote.
func ParseDeliveryStatus(s string) (DeliveryStatus, error) {
	return parse[DeliveryStatus](deliveryStatusNames[:], "delivery_status", s)
}

// DeliveryStatuses lists the words in the order of their numbers, without the empty one.
func DeliveryStatuses() []string { return append([]string(nil), deliveryStatusNames[1:]...) }

// MarshalText implements encoding.TextMarshaler.
func (s DeliveryStatus) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *DeliveryStatus) UnmarshalText(b []byte) (err error) {
	*s, err = ParseDeliveryStatus(string(b))
	return err
}
