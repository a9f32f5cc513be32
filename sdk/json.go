package sdk

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// maxPayloadDepth is the deepest JSON payload that AppendJSON embeds as it is.
// Common readers refuse deeper documents (Jackson's StreamReadConstraints: 1000
// levels), so one provider's nonsense would make the whole event unreadable.
const maxPayloadDepth = 256

// AppendJSON appends e as one line of JSON and returns the extended slice. Names
// and their order are those of the canonical event and do not change; every
// field is there, empty where the provider did not say, so that readers can rely
// on the shape. Times are RFC 3339 in UTC with six decimals, or null.
//
// The payload comes last and only if there is one: source_payload is the JSON
// value itself if the bytes are JSON, a string if they are other text, and
// source_payload_base64 if they are not UTF-8. White space between the tokens
// of a payload is dropped; the exact bytes are in the raw log at raw_offset.
func (e *Event) AppendJSON(b []byte) []byte {
	b = append(b, `{"event_id":`...)
	b = appendJSONString(b, e.ID.String())
	for _, f := range [...]struct{ name, value string }{
		{"message_id", e.MessageID}, {"conversation_id", e.ConversationID}, {"customer_id", e.CustomerID},
		{"campaign_id", e.CampaignID}, {"account", e.Account}, {"channel", e.Channel.String()},
		{"direction", e.Direction.String()}, {"event_type", e.Type.String()},
	} {
		b = appendJSONString(appendJSONName(b, f.name), f.value)
	}
	b = appendJSONTime(appendJSONName(b, "event_timestamp"), e.Time)
	b = appendJSONTime(appendJSONName(b, "received_at"), e.ReceivedAt)
	for _, f := range [...]struct{ name, value string }{
		{"provider", e.Provider}, {"source", e.Source}, {"delivery_status", e.DeliveryStatus.String()},
		{"provider_status", e.ProviderStatus}, {"status_code", e.StatusCode}, {"error_reason", e.ErrorReason},
		{"recipient", e.Recipient}, {"sender", e.Sender},
	} {
		b = appendJSONString(appendJSONName(b, f.name), f.value)
	}
	b = appendJSONAttributes(appendJSONName(b, "attributes"), e.Attributes)
	b = strconv.AppendUint(appendJSONName(b, "raw_offset"), e.RawOffset, 10)
	b = strconv.AppendInt(appendJSONName(b, "raw_index"), int64(e.RawIndex), 10)
	b = appendJSONPayload(b, e.SourcePayload)
	return append(b, '}')
}

// appendJSONName appends the name of a member that is not the first one. Names
// are ours and need no escaping.
func appendJSONName(b []byte, name string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

func appendJSONAttributes(b []byte, attrs Attributes) []byte {
	b = append(b, '{')
	for i := range attrs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendJSONString(b, attrs[i].Name), ':')
		b = appendJSONString(b, attrs[i].Value)
	}
	return append(b, '}')
}

// appendJSONTime appends null for the zero time and for years that RFC 3339
// cannot write.
func appendJSONTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	if t.IsZero() || t.Year() < 0 || t.Year() > 9999 {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = t.AppendFormat(b, "2006-01-02T15:04:05.000000Z07:00")
	return append(b, '"')
}

func appendJSONPayload(b, payload []byte) []byte {
	if len(payload) == 0 {
		return b
	}
	if !utf8.Valid(payload) {
		b = append(appendJSONName(b, "source_payload_base64"), '"')
		b = base64.StdEncoding.AppendEncode(b, payload)
		return append(b, '"')
	}
	b = appendJSONName(b, "source_payload")
	if !shallow(payload) {
		return appendJSONString(b, string(payload))
	}
	out := bytes.NewBuffer(b)
	if err := json.Compact(out, payload); err != nil { // it leaves out as it was
		return appendJSONString(b, string(payload))
	}
	return out.Bytes()
}

// shallow reports whether data nests no deeper than maxPayloadDepth. Brackets
// inside strings do not count; for data that is not JSON the answer is
// meaningless but harmless.
func shallow(data []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxPayloadDepth {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}

const hexDigits = "0123456789abcdef"

// appendJSONString appends s quoted. Bytes that are not UTF-8 become U+FFFD.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0 // s[start:i] is to be copied as it is
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
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
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
