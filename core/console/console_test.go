package console

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const phone = "+447700900123"

func session(t testing.TB) *Session {
	t.Helper()
	row, err := Row([]string{"tier=gold", "empty="})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	return &Session{
		Found: row, Now: at.Add(time.Hour),
		Event: &sdk.Event{
			ID: sdk.ID{15: 1}, MessageID: "SM1", Channel: sdk.SMS, Type: sdk.Failed, DeliveryStatus: sdk.StatusFailed, Time: at, ReceivedAt: at,
			Recipient: phone, ErrorReason: "no route to " + phone, Source: "twilio.support",
			Attributes:    sdk.Attributes{{Name: "text", Value: "see you at eight"}, {Name: "region", Value: "eu"}, {Name: "x y", Value: "1"}},
			SourcePayload: []byte(`{"To": "` + phone + `", "n": 447700900123, "list": ["` + phone + `"], "ok": true}`),
		},
	}
}

func TestEval(t *testing.T) {
	t.Parallel()
	s := session(t)
	for text, want := range map[string]string{
		`event.channel`:                      `"sms"  (string)`,
		`event.recipient`:                    `"+44******123"  (string, masked)`,
		`upper(event.recipient)`:             `"+44******123"  (string, masked)`,
		`"to ${event.recipient}"`:            `"to******123"  (string, masked)`,
		`event.error_reason`:                 `"no route to +44******123"  (string, masked)`,
		`event.attributes.text`:              `"se******ght"  (string, masked)`,
		`event.attributes.region`:            `"eu"  (string)`,
		`event.payload.To`:                   `"+44******123"  (string, masked)`,
		`event.payload.n`:                    `44******123  (number, masked)`,
		`event.payload.list`:                 `…  (list, masked)`,
		`event.payload`:                      `…  (object, masked)`,
		`event.payload.ok`:                   `true  (bool)`,
		`[event.channel, 1]`:                 `["sms",1]  (list)`,
		`event.customer_id`:                  `null`,
		`event.recipient == "+447700900123"`: `true  (bool)`,
		`found.tier`:                         `"gold"  (string)`,
		`found.empty`:                        `null`,
		`timeadd(now(), "-1h") == event.event_timestamp`: `true  (bool)`,
	} {
		a, diags := s.Eval(text, "line", 1)
		if len(diags) > 0 {
			t.Errorf("%s: got %v", text, diags)
			continue
		}
		if got := a.String(); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	s.Reveal = true
	if a, _ := s.Eval("event.payload", "line", 1); a == nil || a.Masked || !strings.Contains(a.Value, phone) {
		t.Errorf("got %+v, want the payload as it is", a)
	}
}

func TestWrong(t *testing.T) {
	t.Parallel()
	s := session(t)
	for text, code := range map[string]diag.Code{
		"event.chanel":                 diag.UnknownField,
		"found.teir":                   diag.UnknownReference,
		"event.":                       diag.Syntax,
		"":                             diag.Syntax,
		"1 +":                          diag.Syntax,
		"var.x":                        diag.UnknownReference,
		"upper(1, 2)":                  diag.WrongArguments,
		strings.Repeat("(", 300):       diag.TooDeep,
		strings.Repeat("a", MaxLine+1): diag.ExpressionTooLarge,
		"\"\xff\"":                     diag.BadEncoding,
	} {
		a, diags := s.Eval(text, "line", 1)
		if a != nil || !diags.HasErrors() || diags[0].Code != code {
			t.Errorf("%.40q: got %v, %v, want %s", text, a, diags, code)
		}
	}
	s.Found = nil
	if a, diags := s.Eval("found.tier", "line", 1); a != nil || !diags.HasErrors() {
		t.Errorf("got %v without a row", a)
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	var got []string
	for _, a := range session(t).Fields() {
		got = append(got, a.Expression+" "+a.String())
	}
	want := []string{
		`event.event_id "00000000000000000000000000000001"  (string)`, `event.message_id "SM1"  (string)`, `event.channel "sms"  (string)`,
		`event.event_type "failed"  (string)`, `event.event_timestamp 2026-11-23T12:00:00Z  (time)`,
		`event.received_at 2026-11-23T12:00:00Z  (time)`, `event.source "twilio.support"  (string)`,
		`event.delivery_status "failed"  (string)`, `event.error_reason "no route to +44******123"  (string, masked)`,
		`event.recipient "+44******123"  (string, masked)`, `event.attributes["text"] "se******ght"  (string, masked)`,
		`event.attributes["region"] "eu"  (string)`, `event.attributes["x y"] "1"  (string)`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}

func TestRow(t *testing.T) {
	t.Parallel()
	for _, pair := range []string{"", "a", "=b"} {
		if _, err := Row([]string{pair}); err == nil {
			t.Errorf("%q: got no error", pair)
		}
	}
}

// TestParseEvent reads back what sinks write.
func TestParseEvent(t *testing.T) {
	t.Parallel()
	for name, payload := range map[string]string{
		"json": `{"a":1}`, "form": "a=1&b=%2B", "binary": "\xff\x00", "none": "",
	} {
		want := session(t).Event
		want.SourcePayload = []byte(payload)
		slices.SortFunc(want.Attributes, func(a, b sdk.Attribute) int { return strings.Compare(a.Name, b.Name) })
		got, err := ParseEvent(want.AppendJSON(nil))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if payload == "" {
			want.SourcePayload, got.SourcePayload = nil, got.SourcePayload[:len(got.SourcePayload):len(got.SourcePayload)]
			if len(got.SourcePayload) == 0 {
				got.SourcePayload = nil
			}
		} else {
			got.SourcePayload = slices.Clone([]byte(got.SourcePayload))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
	}
	for text, part := range map[string]string{
		`[]`: "not a JSON object", `{"chanel": "sms"}`: `no field "chanel"`, `{"channel": "fax"}`: "fax", `{"message_id": 1}`: "message_id",
		`{"source_payload_base64": "?"}`: "source_payload_base64", `{"event_id": "x"}`: "event id", `{"event_timestamp": "soon"}`: "soon",
	} {
		if _, err := ParseEvent([]byte(text)); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: got %v, want an error with %q", text, err, part)
		}
	}
}

func TestFromJournal(t *testing.T) {
	t.Parallel()
	e, err := FromJournal(&inspect.Event{Facts: inspect.Facts{
		MessageID: "SM1", Channel: "sms", Recipient: phone, Provider: "twilio", Attributes: map[string]string{"a": "b"},
	}})
	if err != nil || e.MessageID != "SM1" || e.Channel != sdk.SMS || e.Recipient != phone || e.Provider != "twilio" || e.Attr("a") != "b" {
		t.Errorf("got %+v, %v", e, err)
	}
	if _, err := FromJournal(&inspect.Event{Facts: inspect.Facts{Channel: "fax"}}); err == nil {
		t.Error("got no error for a channel that is none")
	}
}

func FuzzEval(f *testing.F) {
	f.Add(`event.payload.list[0]`)
	f.Add(`upper(event.recipient)`)
	f.Add(`[found.tier, now(), event.attributes["x y"]]`)
	s := session(f)
	f.Fuzz(func(t *testing.T, text string) {
		a, diags := s.Eval(text, "f", 1)
		if (a == nil) != diags.HasErrors() {
			t.Fatalf("got %v and %v", a, diags)
		}
		if a != nil {
			_ = a.String()
		}
	})
}
