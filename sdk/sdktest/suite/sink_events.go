package suite

import (
	"crypto/sha256"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// eventMaker makes events, all different.
type eventMaker struct{ n int }

// next returns an ordinary event of a message.
func (m *eventMaker) next(message string, t sdk.EventType) sdk.Event {
	m.n++
	sum := sha256.Sum256(fmt.Appendf(nil, "sdktest event %d", m.n))
	at := receivedAt.Add(time.Duration(m.n) * time.Millisecond)
	e := sdk.Event{
		ID: sdk.ID(sum[:16]), MessageID: message, ConversationID: "+15550100|+15550101", CustomerID: "customer-" + message,
		CampaignID: "spring", Account: "AC1", Channel: sdk.SMS, Direction: sdk.Outbound, Type: t, Time: at,
		ReceivedAt: at.Add(time.Second), Provider: "acme", Source: "acme.conformance", DeliveryStatus: t.Asserts(),
		ProviderStatus: t.String(), StatusCode: "0", Recipient: "+15550101", Sender: "+15550100",
		SourcePayload: fmt.Appendf(nil, `{"id":%d,"message":%q,"status":%q}`, m.n, message, t), RawOffset: uint64(m.n),
	}
	e.SetAttr("num_segments", "1")
	return e
}

// batch returns n events of as many messages.
func (m *eventMaker) batch(n int) []sdk.Event {
	out := make([]sdk.Event, n)
	for i := range out {
		out[i] = m.next(fmt.Sprintf("M%d", m.n), sdk.EventType(1+i%int(sdk.Unmapped)))
	}
	return out
}

// shapes returns events that are hard on a destination, by name.
func (m *eventMaker) shapes() (names []string, events []sdk.Event) {
	add := func(name string, change func(*sdk.Event)) {
		e := m.next("shape-"+strings.ReplaceAll(name, " ", "-"), sdk.Delivered)
		change(&e)
		names, events = append(names, name), append(events, e)
	}
	add("ordinary", func(*sdk.Event) {})
	add("empty fields", func(e *sdk.Event) {
		*e = sdk.Event{ID: e.ID, Channel: sdk.Email, Type: sdk.Unmapped, Time: e.Time, ReceivedAt: e.ReceivedAt, Provider: "acme", Source: "acme.conformance"}
	})
	add("unmapped", func(e *sdk.Event) { e.Type, e.DeliveryStatus, e.ProviderStatus = sdk.Unmapped, sdk.NoStatus, "zz" })
	add("unicode", func(e *sdk.Event) {
		text := "Zoë \U0001F44D\U0001F3FD \u202Eabc\u202C e\u0301 \uFEFF \u2028 \uFFFD \U0010FFFF"
		e.ErrorReason, e.CustomerID = text, text
		e.SetAttr("text", text)
		e.SetAttr(text, "name")
		e.SourcePayload = []byte(`{"text":"` + text + `"}`)
	})
	add("NUL in text", func(e *sdk.Event) {
		e.ErrorReason, e.Recipient = "a\x00b", "\x00"
		e.SetAttr("text", "a\x00b\x00")
	})
	add("control characters", func(e *sdk.Event) {
		e.ErrorReason = "\x01\x02\t\r\n\x1b[31m\x7f\u0085"
		e.SetAttr("text", "line\r\nline\ttab \"quoted\" \\ 'single' `back` ; -- $1 %s ${x}")
	})
	add("spreadsheet formula", func(e *sdk.Event) { e.ErrorReason, e.Sender = "=1+1", "@SUM(A1)" })
	add("payload of 100 KB", func(e *sdk.Event) { e.SourcePayload = []byte(`{"text":"` + strings.Repeat("x", 100_000) + `"}`) })
	add("payload that is not JSON", func(e *sdk.Event) { e.SourcePayload = []byte("MessageSid=SM1&Body=%00+a") })
	add("payload that is not UTF-8", func(e *sdk.Event) { e.SourcePayload = []byte("\xff\xfe\x00\x80") })
	add("payload with broken JSON", func(e *sdk.Event) { e.SourcePayload = []byte(`{"a":`) })
	add("no payload", func(e *sdk.Event) { e.SourcePayload = nil })
	add("largest numbers", func(e *sdk.Event) {
		e.RawOffset, e.RawIndex = math.MaxInt64, math.MaxInt32
		e.SourcePayload = []byte(`{"n":9007199254740993,"big":123456789012345678901234567890,"float":1e400}`)
	})
	add("old time", func(e *sdk.Event) { e.Time = time.Date(1970, 1, 1, 0, 0, 0, 1000, time.UTC) })
	add("time before 1970", func(e *sdk.Event) { e.Time = time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC) })
	add("far time", func(e *sdk.Event) { e.Time = time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC) })
	add("many attributes", func(e *sdk.Event) {
		for i := range 300 {
			e.SetAttr(fmt.Sprintf("attribute_%d", i), strings.Repeat("v", i))
		}
	})
	add("long strings", func(e *sdk.Event) {
		e.MessageID, e.ErrorReason = e.MessageID+strings.Repeat("m", 900), strings.Repeat("r", 20_000)
	})
	return names, events
}
