package sdk

import (
	"errors"
	"fmt"
	"math"
	"time"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

// The hot messages of the wire (Event, Delivery) are encoded and decoded here,
// straight into the plain types: at tens of thousands of events a second the
// detour over generated structs costs more than the rest of a stage. A test
// holds this file and the generated code together.

// ErrWire is returned for bytes that are not the message they should be.
var ErrWire = errors.New("sdk: malformed wire message")

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func appendString(b []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.BytesType)
	return protowire.AppendString(b, s)
}

func appendBytes(b []byte, num protowire.Number, v []byte) []byte {
	if len(v) == 0 {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.BytesType)
	return protowire.AppendBytes(b, v)
}

func appendVarint(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.VarintType)
	return protowire.AppendVarint(b, v)
}

func appendBool(b []byte, num protowire.Number, v bool) []byte {
	if !v {
		return b
	}
	return appendVarint(b, num, 1)
}

func pairSize(name string, value int) int {
	n := 0
	if name != "" {
		n += 1 + protowire.SizeBytes(len(name))
	}
	if value > 0 {
		n += 1 + protowire.SizeBytes(value)
	}
	return n
}

// AppendWire appends e as the message Event of plugin.proto.
func (e *Event) AppendWire(b []byte) []byte {
	if !e.ID.IsZero() {
		b = appendBytes(b, 1, e.ID[:])
	}
	b = appendString(b, 2, e.MessageID)
	b = appendString(b, 3, e.ConversationID)
	b = appendString(b, 4, e.CustomerID)
	b = appendString(b, 5, e.CampaignID)
	b = appendVarint(b, 6, uint64(e.Channel))
	b = appendVarint(b, 7, uint64(e.Direction))
	b = appendVarint(b, 8, uint64(e.Type))
	b = appendVarint(b, 9, uint64(micros(e.Time)))
	b = appendVarint(b, 10, uint64(micros(e.ReceivedAt)))
	b = appendString(b, 11, e.Provider)
	b = appendString(b, 12, e.Source)
	b = appendVarint(b, 13, uint64(e.DeliveryStatus))
	b = appendString(b, 14, e.ProviderStatus)
	b = appendString(b, 15, e.StatusCode)
	b = appendString(b, 16, e.ErrorReason)
	b = appendString(b, 17, e.Recipient)
	b = appendString(b, 18, e.Sender)
	for i := range e.Attributes {
		a := &e.Attributes[i]
		b = protowire.AppendTag(b, 19, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(pairSize(a.Name, len(a.Value))))
		b = appendString(b, 1, a.Name)
		b = appendString(b, 2, a.Value)
	}
	b = appendBytes(b, 20, e.SourcePayload)
	b = appendVarint(b, 21, e.RawOffset)
	b = appendVarint(b, 22, uint64(e.RawIndex))
	b = appendString(b, 23, e.Account)
	b = appendVarint(b, 40, uint64(e.delivery))
	b = appendString(b, 41, e.ProviderID)
	for _, s := range e.Identities {
		b = protowire.AppendTag(b, 42, protowire.BytesType)
		b = protowire.AppendString(b, s)
	}
	b = appendVarint(b, 43, uint64(e.PayloadOffset))
	b = appendVarint(b, 44, uint64(e.PayloadLength))
	return appendBool(b, 50, e.MaybeWritten)
}

// alias returns b as a string without a copy. Callers own b and never write to
// it again.
func alias(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// field is one decoded field: v for varints, b for bytes.
type field struct {
	num protowire.Number
	typ protowire.Type
	v   uint64
	b   []byte
}

// next reads the field at the front of b and returns what follows it.
func (f *field) next(b []byte) ([]byte, error) {
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 {
		return nil, ErrWire
	}
	b = b[n:]
	f.num, f.typ = num, typ
	switch typ {
	case protowire.VarintType:
		f.v, n = protowire.ConsumeVarint(b)
	case protowire.BytesType:
		f.b, n = protowire.ConsumeBytes(b)
	default:
		n = protowire.ConsumeFieldValue(num, typ, b)
	}
	if n < 0 {
		return nil, ErrWire
	}
	return b[n:], nil
}

func (f *field) want(t protowire.Type) error {
	if f.typ != t {
		return fmt.Errorf("%w: field %d has wire type %d", ErrWire, f.num, f.typ)
	}
	return nil
}

func small(v uint64) int {
	if v > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(v)
}

// bytesField says whether a known Event field is length-delimited; 0 is unknown.
var eventFieldType = func() (t [64]protowire.Type) {
	for i := range t {
		t[i] = -1
	}
	for _, n := range []int{1, 2, 3, 4, 5, 11, 12, 14, 15, 16, 17, 18, 19, 20, 23, 41, 42} {
		t[n] = protowire.BytesType
	}
	for _, n := range []int{6, 7, 8, 9, 10, 13, 21, 22, 40, 43, 44, 50} {
		t[n] = protowire.VarintType
	}
	return t
}()

// UnmarshalWire reads the message Event. The event's strings and payload alias
// b, which must not change afterwards. Unknown fields are skipped.
func (e *Event) UnmarshalWire(b []byte) error {
	*e = Event{}
	var f field
	var err error
	for len(b) > 0 {
		if b, err = f.next(b); err != nil {
			return err
		}
		if f.num >= 64 || eventFieldType[f.num] < 0 {
			continue
		}
		if err := f.want(eventFieldType[f.num]); err != nil {
			return err
		}
		switch f.num {
		case 1:
			if len(f.b) != len(e.ID) {
				return fmt.Errorf("%w: event_id has %d bytes", ErrWire, len(f.b))
			}
			copy(e.ID[:], f.b)
		case 2:
			e.MessageID = alias(f.b)
		case 3:
			e.ConversationID = alias(f.b)
		case 4:
			e.CustomerID = alias(f.b)
		case 5:
			e.CampaignID = alias(f.b)
		case 6:
			e.Channel = Channel(min(f.v, math.MaxUint8))
		case 7:
			e.Direction = Direction(min(f.v, math.MaxUint8))
		case 8:
			e.Type = EventType(min(f.v, math.MaxUint8))
		case 9:
			e.Time = fromMicros(int64(f.v))
		case 10:
			e.ReceivedAt = fromMicros(int64(f.v))
		case 11:
			e.Provider = alias(f.b)
		case 12:
			e.Source = alias(f.b)
		case 13:
			e.DeliveryStatus = DeliveryStatus(min(f.v, math.MaxUint8))
		case 14:
			e.ProviderStatus = alias(f.b)
		case 15:
			e.StatusCode = alias(f.b)
		case 16:
			e.ErrorReason = alias(f.b)
		case 17:
			e.Recipient = alias(f.b)
		case 18:
			e.Sender = alias(f.b)
		case 19:
			if err := e.unmarshalAttr(f.b); err != nil {
				return err
			}
		case 20:
			e.SourcePayload = f.b
		case 21:
			e.RawOffset = f.v
		case 22:
			e.RawIndex = small(f.v)
		case 23:
			e.Account = alias(f.b)
		case 40:
			e.delivery = small(f.v)
		case 41:
			e.ProviderID = alias(f.b)
		case 42:
			e.Identities = append(e.Identities, alias(f.b))
		case 43:
			e.PayloadOffset = small(f.v)
		case 44:
			e.PayloadLength = small(f.v)
		case 50:
			e.MaybeWritten = f.v != 0
		}
	}
	return nil
}

func (e *Event) unmarshalAttr(b []byte) error {
	if e.Attributes == nil {
		e.Attributes = make(Attributes, 0, 8)
	}
	name, value, err := pair(b)
	if err != nil {
		return err
	}
	e.Attributes.Set(alias(name), alias(value))
	return nil
}

// pair reads a message of two length-delimited fields, 1 and 2.
func pair(b []byte) (one, two []byte, err error) {
	var f field
	for len(b) > 0 {
		if b, err = f.next(b); err != nil {
			return nil, nil, err
		}
		if f.num != 1 && f.num != 2 {
			continue
		}
		if err := f.want(protowire.BytesType); err != nil {
			return nil, nil, err
		}
		if f.num == 1 {
			one = f.b
		} else {
			two = f.b
		}
	}
	return one, two, nil
}

// AppendWire appends d as the message Delivery of plugin.proto.
func (d *Delivery) AppendWire(b []byte) []byte {
	b = appendVarint(b, 1, uint64(micros(d.ReceivedAt)))
	b = appendString(b, 2, d.Method)
	b = appendString(b, 3, d.URL)
	for i := range d.Headers {
		h := &d.Headers[i]
		b = protowire.AppendTag(b, 4, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(pairSize(h.Name, len(h.Value))))
		b = appendString(b, 1, h.Name)
		b = appendString(b, 2, h.Value)
	}
	b = appendBytes(b, 5, d.Body)
	b = appendString(b, 6, d.Remote)
	b = appendBool(b, 7, d.Authenticated)
	return appendVarint(b, 8, uint64(d.Key))
}

var deliveryFieldType = [9]protowire.Type{
	-1, protowire.VarintType, protowire.BytesType, protowire.BytesType, protowire.BytesType, protowire.BytesType,
	protowire.BytesType, protowire.VarintType, protowire.VarintType,
}

// UnmarshalWire reads the message Delivery. The delivery aliases b, which must
// not change afterwards.
func (d *Delivery) UnmarshalWire(b []byte) error {
	*d = Delivery{}
	var f field
	var err error
	for len(b) > 0 {
		if b, err = f.next(b); err != nil {
			return err
		}
		if f.num >= 9 {
			continue
		}
		if err := f.want(deliveryFieldType[f.num]); err != nil {
			return err
		}
		switch f.num {
		case 1:
			d.ReceivedAt = fromMicros(int64(f.v))
		case 2:
			d.Method = alias(f.b)
		case 3:
			d.URL = alias(f.b)
		case 4:
			name, value, err := pair(f.b)
			if err != nil {
				return err
			}
			if d.Headers == nil {
				d.Headers = make([]HeaderField, 0, 12)
			}
			d.Headers = append(d.Headers, HeaderField{alias(name), alias(value)})
		case 5:
			d.Body = f.b
		case 6:
			d.Remote = alias(f.b)
		case 7:
			d.Authenticated = f.v != 0
		case 8:
			d.Key = small(f.v)
		}
	}
	return nil
}

// DeliveryIndex is the place, within the batch that was parsed, of the request
// that the event came from. Core uses it; sources and sinks need not.
func (e *Event) DeliveryIndex() int { return e.delivery }

// Repeated reads the elements of a repeated length-delimited field num out of
// message b and passes everything else to other, which may be nil.
func repeated(b []byte, num protowire.Number, each func([]byte) error, other func(*field) error) error {
	var f field
	var err error
	for len(b) > 0 {
		if b, err = f.next(b); err != nil {
			return err
		}
		switch {
		case f.num == num && f.typ == protowire.BytesType:
			err = each(f.b)
		case other != nil:
			err = other(&f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// count is how often a field is there, up to where b is damaged.
func count(b []byte, num protowire.Number) (n int) {
	_ = repeated(b, num, func([]byte) error { n++; return nil }, nil)
	return n
}

// ShiftDelivery adds n to DeliveryIndex, for batches put together from parts.
func (e *Event) ShiftDelivery(n int) { e.delivery += n }

// ClearDelivery forgets DeliveryIndex, which means nothing after the batch.
func (e *Event) ClearDelivery() { e.delivery = 0 }
