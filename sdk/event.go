package sdk

import (
	"encoding/hex"
	"fmt"
	"time"
)

// Event is the canonical event: what happened to one message, or what one
// person said, in words that do not depend on the provider.
//
// A source fills in what the provider reported (the first group); core computes
// the second group. A sink sees both. Strings are UTF-8. The zero value of a
// field means that the provider did not say.
type Event struct {
	// ProviderID is what makes this event this event to the provider: its own
	// event id, or else the parts that identify the fact (message, recipient,
	// status word, code, time) joined by '|'. Core makes the event's ID from
	// it and from the source's name, so it must never depend on when, how often
	// or in which order requests arrive, nor on a mapping table (I8). Empty
	// means that nothing identifies it: core then uses the digest of the request
	// and the event's place in it. Only sources see this field.
	ProviderID string
	// Identities are further identities of the same fact, for instance the key
	// by which the provider's history knows it. An event is a duplicate if any
	// of its identities was seen within the dedup window. Only sources set it.
	Identities []string

	MessageID      string
	ConversationID string
	CustomerID     string
	CampaignID     string
	Account        string // the provider's account

	Channel   Channel
	Direction Direction
	// Type may stay Unspecified: core's normalize stage then looks
	// ProviderStatus, StatusCode and ErrorReason up in the provider's mapping
	// table. Set it where the provider's words need no table.
	Type EventType
	// Time is when it happened, by the provider's clock. Zero means that the
	// provider did not say; core then uses the time of receipt and sets the
	// attribute timestamp_source to "received".
	Time time.Time

	ProviderStatus string // the provider's own word, as sent
	StatusCode     string // the provider's own code, as sent
	ErrorReason    string
	Recipient      string // E.164 for phones, as sent otherwise
	Sender         string
	Attributes     Attributes

	// PayloadOffset and PayloadLength say where in the request's body the
	// bytes of this event lie. Both zero mean the whole body. Only sources set
	// them; core turns them into SourcePayload.
	PayloadOffset, PayloadLength int

	// The rest is computed by core.

	ID             ID
	ReceivedAt     time.Time
	Provider       string // the source's type, e.g. "twilio"
	Source         string // the source's address, e.g. "twilio.support"
	DeliveryStatus DeliveryStatus
	SourcePayload  []byte // the provider's own bytes for this event
	RawOffset      uint64 // the request's offset in the source's raw log
	RawIndex       int    // the event's place in the request, from 0

	// MaybeWritten tells a sink that an earlier Write of this event ended
	// without an answer: it may have taken effect.
	MaybeWritten bool

	delivery int
}

// ID identifies an event across redeliveries, replays and machines. It is the
// first 128 bits of a SHA-256.
type ID [16]byte

// String returns 32 lower-case hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether the id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// ParseID reads what String wrote.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 32 {
		return id, fmt.Errorf("sdk: event id %q: want 32 hexadecimal digits", s)
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("sdk: event id %q: %w", s, err)
	}
	return id, nil
}

// MarshalText implements encoding.TextMarshaler.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *ID) UnmarshalText(b []byte) error {
	v, err := ParseID(string(b))
	*id = v
	return err
}

// Attribute is one entry of an event's attributes.
type Attribute struct {
	Name, Value string
}

// Attributes are an event's extras: provider extras, enrichment. Names are
// unique and keep the order in which they were first set.
type Attributes []Attribute

// Get returns the value of name, and whether it is set.
func (a Attributes) Get(name string) (string, bool) {
	for i := range a {
		if a[i].Name == name {
			return a[i].Value, true
		}
	}
	return "", false
}

// Set adds name or replaces its value.
func (a *Attributes) Set(name, value string) {
	for i := range *a {
		if (*a)[i].Name == name {
			(*a)[i].Value = value
			return
		}
	}
	*a = append(*a, Attribute{name, value})
}

// Well-known attributes, with the same meaning for every provider.
const (
	AttrTimestampSource = "timestamp_source" // "received" where the provider gave no time
	AttrClockSuspect    = "clock_suspect"    // "true": the time lies in the future
	AttrBounceClass     = "bounce_class"     // hard, soft, block or other
	AttrMachine         = "machine"          // "true": opened or clicked by a program, not a person
	AttrConsentScope    = "consent_scope"    // what an opt-in or opt-out covers
	AttrURL             = "url"              // the link that was clicked
	AttrText            = "text"             // the text of an inbound message
	AttrLookupFailed    = "lookup_failed"    // lookups that did not answer; what they would have set is missing
	AttrPayloadRemoved  = "payload_removed"  // "unreadable": personal data could not be told from the rest of it
)

// SetAttr sets an attribute unless value is empty.
func (e *Event) SetAttr(name, value string) {
	if value != "" {
		e.Attributes.Set(name, value)
	}
}

// Attr returns an attribute's value, empty if it is not set.
func (e *Event) Attr(name string) string {
	v, _ := e.Attributes.Get(name)
	return v
}
