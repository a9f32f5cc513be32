package table

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/patchbay-io/patchbay/sdk"
)

// Row is one event made ready to be stored. It is reused from event to event;
// what it holds is valid until the next Set.
type Row struct {
	Event      sdk.Event // with text that every engine accepts
	Type       sdk.EventType
	Time       int64  // microseconds, UTC
	ReceivedAt int64  // microseconds, UTC
	Attributes []byte // a JSON object; empty if there are none
	Meta       []byte // a JSON list of the changes made; empty if there are none

	attributes []byte
	meta       []byte
}

// Set fills the row from e, which is not changed.
//
// The event's time is never "now": where it is missing it is the time of
// receipt, which was stored with the request, so that the same event gives the
// same row on every attempt.
func (r *Row) Set(e *sdk.Event) {
	r.meta = r.meta[:0]
	r.Event = *e
	r.Type = storedType(e.Type)
	r.ReceivedAt = micros(e.ReceivedAt)
	r.Time = micros(e.Time)
	if e.Time.IsZero() {
		r.Time = r.ReceivedAt
	}
	c := &r.Event
	for _, f := range [...]struct {
		name string
		text *string
	}{
		{"provider", &c.Provider}, {"source", &c.Source}, {"account", &c.Account},
		{"message_id", &c.MessageID}, {"conversation_id", &c.ConversationID},
		{"customer_id", &c.CustomerID}, {"campaign_id", &c.CampaignID},
		{"recipient", &c.Recipient}, {"sender", &c.Sender},
		{"provider_status", &c.ProviderStatus}, {"status_code", &c.StatusCode}, {"error_reason", &c.ErrorReason},
	} {
		if !plain(*f.text) {
			*f.text = r.clean(f.name, *f.text)
		}
	}
	r.setAttributes(e.Attributes)
	r.Meta = r.meta
	if len(r.meta) > 0 {
		r.meta = append(r.meta, ']')
		r.Meta = r.meta
	}
}

// PayloadIsText reports whether the payload can be stored as text unchanged.
func (r *Row) PayloadIsText() bool {
	p := r.Event.SourcePayload
	return utf8.Valid(p) && bytes.IndexByte(p, 0) < 0
}

// MessageAccount is the account part of the message's identity. Message ids are
// unique within an account only; where the provider names no account, the
// source stands for it.
func (r *Row) MessageAccount() string {
	if r.Event.Account != "" {
		return r.Event.Account
	}
	return r.Event.Source
}

func (r *Row) setAttributes(attrs sdk.Attributes) {
	b := r.attributes[:0]
	for i := range attrs {
		name, value := attrs[i].Name, attrs[i].Value
		if !plain(name) {
			name = r.clean("attributes", name)
		}
		if !plain(value) {
			value = r.clean("attributes", value)
		}
		if i == 0 {
			b = append(b, '{')
		} else {
			b = append(b, ',')
		}
		b = appendJSONString(b, name)
		b = append(b, ':')
		b = appendJSONString(b, value)
	}
	if len(attrs) > 0 {
		b = append(b, '}')
	}
	r.attributes, r.Attributes = b, b
}

// clean replaces what engines refuse or cut text at, and records the change.
func (r *Row) clean(field, s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
		r.changed(field, "invalid_utf8_replaced")
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\ufffd")
		r.changed(field, "nul_replaced")
	}
	return s
}

func (r *Row) changed(field, change string) {
	if len(r.meta) == 0 {
		r.meta = append(r.meta, '[')
	} else {
		r.meta = append(r.meta, ',')
	}
	r.meta = append(r.meta, `{"field":"`...)
	r.meta = append(r.meta, field...)
	r.meta = append(r.meta, `","change":"`...)
	r.meta = append(r.meta, change...)
	r.meta = append(r.meta, `"}`...)
}

// plain reports whether s is ASCII without U+0000, which nearly all values are.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c-1 >= utf8.RuneSelf-1 {
			return false
		}
	}
	return true
}

// micros is t in microseconds, 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

const hexDigits = "0123456789abcdef"

// appendJSONString appends s, which is valid UTF-8, as a JSON string.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
