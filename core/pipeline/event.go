package pipeline

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"
	"unicode/utf8"

	"strings"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/staged"
	"github.com/patchbay-io/patchbay/sdk"
)

// futureTolerance is how far an event's time may lie after its receipt before
// it is marked as suspect (rule 11 of the email vocabulary).
const futureTolerance = 5 * time.Minute

// origin is the request that an event came from.
type origin struct {
	source, provider string
	offset           uint64
	delivery         sdk.Delivery
	raw              []byte // the stored request, for identities of last resort
}

// decodeOrigin reads a raw entry. The result aliases it.
func decodeOrigin(source, provider string, e journal.Entry) (*origin, error) {
	inner, err := staged.Unframe(e.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: raw entry %s/%d", journal.ErrCorrupt, source, e.Offset)
	}
	o := &origin{source: source, provider: provider, offset: e.Offset, raw: inner}
	if err := o.delivery.UnmarshalWire(inner); err != nil {
		return nil, fmt.Errorf("%w: raw entry %s/%d: %w", journal.ErrCorrupt, source, e.Offset, err)
	}
	return o, nil
}

// complete fills in what core knows of an event, and makes what a plugin said
// safe to store. index is the event's place in its request. The payload was
// checked to lie inside it.
func (o *origin) complete(e *sdk.Event, index int) {
	body := o.delivery.Body
	from, n := e.PayloadOffset, e.PayloadLength
	if from == 0 && n == 0 {
		n = len(body)
	}
	e.SourcePayload = body[from : from+n]
	e.ID = o.eventID(e.ProviderID, index)
	e.Source, e.Provider = o.source, o.provider
	e.RawOffset, e.RawIndex, e.ReceivedAt = o.offset, index, o.delivery.ReceivedAt
	e.ProviderID, e.Identities, e.PayloadOffset, e.PayloadLength, e.MaybeWritten = "", nil, 0, 0, false
	switch {
	case e.Time.IsZero():
		e.Time = e.ReceivedAt
		e.Attributes.Set(sdk.AttrTimestampSource, "received")
	case e.Time.Sub(e.ReceivedAt) > futureTolerance:
		e.Attributes.Set(sdk.AttrClockSuspect, "true")
	}
	sanitize(e)
}

// places numbers the events of each request, and leaves out the places of the
// parts that were refused: an event that nothing but its place identifies has the
// same ID whether a neighbour was understood or not (I8).
func (p *parsed) places() []int {
	refused := map[[2]int]bool{}
	for _, v := range p.verdicts {
		if v.Part {
			refused[[2]int{v.Delivery, v.Index}] = true
		}
	}
	out := make([]int, len(p.events))
	next := 0
	for i := range p.events {
		d := p.events[i].DeliveryIndex()
		if i == 0 || d != p.events[i-1].DeliveryIndex() {
			next = 0
		}
		for refused[[2]int{d, next}] {
			next++
		}
		out[i] = next
		next++
	}
	return out
}

// eventID is I8: the same fact has the same ID on any machine, however often and
// by whichever way it comes.
func (o *origin) eventID(providerID string, index int) sdk.ID {
	buf := make([]byte, 0, 128)
	buf = append(buf, "patchbay event 1\x00"...)
	buf = binary.AppendUvarint(buf, uint64(len(o.source)))
	buf = append(buf, o.source...)
	if providerID != "" {
		buf = append(append(buf, 'p'), providerID...)
	} else {
		// Nothing identifies it to the provider: a byte for byte repetition is
		// the same, at the same place.
		d := sha256.New()
		for _, part := range [...][]byte{[]byte(o.delivery.Method), []byte(o.delivery.URL), o.delivery.Body} {
			var n [8]byte
			binary.BigEndian.PutUint64(n[:], uint64(len(part)))
			d.Write(n[:])
			d.Write(part)
		}
		buf = d.Sum(append(buf, 'd'))
		buf = binary.AppendUvarint(buf, uint64(index))
	}
	sum := sha256.Sum256(buf)
	return sdk.ID(sum[:16])
}

// sanitize makes all text valid UTF-8: other languages' protobuf refuses a whole
// batch for one bad byte. The payload keeps the original bytes.
func sanitize(e *sdk.Event) {
	for _, s := range [...]*string{
		&e.MessageID, &e.ConversationID, &e.CustomerID, &e.CampaignID, &e.Account, &e.ProviderStatus,
		&e.StatusCode, &e.ErrorReason, &e.Recipient, &e.Sender,
	} {
		if !utf8.ValidString(*s) {
			*s = strings.ToValidUTF8(*s, "\uFFFD")
		}
	}
	for i := range e.Attributes {
		a := &e.Attributes[i]
		if !utf8.ValidString(a.Name) || !utf8.ValidString(a.Value) {
			a.Name, a.Value = strings.ToValidUTF8(a.Name, "\uFFFD"), strings.ToValidUTF8(a.Value, "\uFFFD")
		}
	}
}

// note is the event as a note keeps it: enough to find and explain it.
func noteEvent(e *sdk.Event) *sdk.Event {
	return &sdk.Event{
		ID: e.ID, MessageID: e.MessageID, ConversationID: e.ConversationID, CustomerID: e.CustomerID,
		Recipient: e.Recipient, Channel: e.Channel, Direction: e.Direction, Type: e.Type, Time: e.Time,
		ReceivedAt: e.ReceivedAt, Provider: e.Provider, Source: e.Source, ProviderStatus: e.ProviderStatus,
		StatusCode: e.StatusCode, RawOffset: e.RawOffset, RawIndex: e.RawIndex,
	}
}

// orderKey is equal for the events of one message (I5).
func orderKey(e *sdk.Event) string {
	for _, s := range [...]string{e.MessageID, e.ConversationID, e.Recipient} {
		if s != "" {
			return s
		}
	}
	return string(e.ID[:])
}
