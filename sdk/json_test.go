package sdk

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// jsonEvent has every field of the canonical event set.
func jsonEvent() *Event {
	e := &Event{
		ID: ID{0x0a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff}, MessageID: "SM1", ConversationID: "CH1",
		CustomerID: "cust-7", CampaignID: "spring", Account: "AC1", Channel: SMS, Direction: Outbound, Type: Delivered,
		Time:       time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("", 2*3600)),
		ReceivedAt: time.Date(2026, 3, 1, 10, 0, 1, 0, time.UTC), Provider: "twilio", Source: "twilio.support",
		DeliveryStatus: StatusDelivered, ProviderStatus: "delivered", StatusCode: "0", ErrorReason: "none",
		Recipient: "+15550001111", Sender: "+15550002222", SourcePayload: []byte(" {\"a\" : [1, 2.50]}\n"),
		RawOffset: 1<<64 - 1, RawIndex: 3,
	}
	e.SetAttr("zone", "é \"x\"\\\n\x01\u2028")
	e.SetAttr("area", "b")
	return e
}

func TestAppendJSONShape(t *testing.T) {
	t.Parallel()
	got := string(jsonEvent().AppendJSON([]byte("prefix ")))
	want := `prefix {"event_id":"0a0102030405060708090a0b0c0d0eff","message_id":"SM1","conversation_id":"CH1",` +
		`"customer_id":"cust-7","campaign_id":"spring","account":"AC1","channel":"sms","direction":"outbound",` +
		`"event_type":"delivered","event_timestamp":"2026-03-01T10:00:00.123456Z","received_at":"2026-03-01T10:00:01.000000Z",` +
		`"provider":"twilio","source":"twilio.support","delivery_status":"delivered","provider_status":"delivered",` +
		`"status_code":"0","error_reason":"none","recipient":"+15550001111","sender":"+15550002222",` +
		`"attributes":{"zone":"é \"x\"\\\n\u0001` + "\u2028" + `","area":"b"},` +
		`"raw_offset":18446744073709551615,"raw_index":3,"source_payload":{"a":[1,2.50]}}`
	if got != want {
		t.Errorf("AppendJSON:\n got %s\nwant %s", got, want)
	}
}

func TestAppendJSONOfNothing(t *testing.T) {
	t.Parallel()
	got := string(new(Event).AppendJSON(nil))
	want := `{"event_id":"00000000000000000000000000000000","message_id":"","conversation_id":"","customer_id":"",` +
		`"campaign_id":"","account":"","channel":"","direction":"","event_type":"","event_timestamp":null,` +
		`"received_at":null,"provider":"","source":"","delivery_status":"","provider_status":"","status_code":"",` +
		`"error_reason":"","recipient":"","sender":"","attributes":{},"raw_offset":0,"raw_index":0}`
	if got != want {
		t.Errorf("AppendJSON:\n got %s\nwant %s", got, want)
	}
}

func TestAppendJSONPayload(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", maxPayloadDepth+1) + strings.Repeat("]", maxPayloadDepth+1)
	for _, c := range []struct{ name, in, field, want string }{
		{"object", "{\"b\": 1,\r\n\t\"a\": null}", "source_payload", `{"b":1,"a":null}`},
		{"number as sent", "1.10e400", "source_payload", `1.10e400`},
		{"brackets in a string", `{"a":"` + strings.Repeat("[", 300) + `\"{"}`, "source_payload", `{"a":"` + strings.Repeat("[", 300) + `\"{"}`},
		{"form", "a=1&b=%22", "source_payload", `"a=1&b=%22"`},
		{"two documents", "{}{}", "source_payload", `"{}{}"`},
		{"truncated", `{"a":`, "source_payload", `"{\"a\":"`},
		{"line break in text", "a\nb", "source_payload", `"a\nb"`},
		{"too deep", deep, "source_payload", `"` + deep + `"`},
		{"deepest", deep[1 : len(deep)-1], "source_payload", deep[1 : len(deep)-1]},
		{"not UTF-8", "\"\xff\"", "source_payload_base64", `"Iv8i"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := Event{SourcePayload: []byte(c.in)}
			got := string(e.AppendJSON(nil))
			if want := `,"` + c.field + `":` + c.want + `}`; !strings.HasSuffix(got, want) {
				t.Errorf("payload %.40q:\n got …%s\nwant …%s", c.in, got[max(0, len(got)-len(want)-20):], want)
			}
		})
	}
}

func TestAppendJSONTimesThatRFC3339CannotWrite(t *testing.T) {
	t.Parallel()
	e := Event{Time: time.UnixMicro(1<<63 - 1), ReceivedAt: time.UnixMicro(-1 << 63)}
	got := string(e.AppendJSON(nil))
	if want := `"event_timestamp":null,"received_at":null`; !strings.Contains(got, want) {
		t.Errorf("got %s, want it to contain %s", got, want)
	}
}

// FuzzAppendJSON holds AppendJSON against encoding/json: whatever comes in, one
// line of valid JSON comes out that says the same.
func FuzzAppendJSON(f *testing.F) {
	f.Add("SM1", "k", "v", []byte(`{"a":1}`))
	f.Add("\xff\x00\u2028", "\"\\", "\x7f\x1f", []byte("\xff"))
	f.Add("", "", "", []byte("  "))
	f.Add("a", "b", "c", []byte("[[[[\"\\"))
	f.Fuzz(func(t *testing.T, id, name, value string, payload []byte) {
		e := Event{MessageID: id, Attributes: Attributes{{name, value}}, SourcePayload: payload}
		out := e.AppendJSON(nil)
		if bytes.ContainsAny(out, "\n\r") || !utf8.Valid(out) {
			t.Fatalf("not one line of UTF-8: %q", out)
		}
		var got struct {
			MessageID  string            `json:"message_id"`
			Attributes map[string]string `json:"attributes"`
			Payload    json.RawMessage   `json:"source_payload"`
			Base64     string            `json:"source_payload_base64"`
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("unmarshal %q: %v", out, err)
		}
		valid := func(s string) string { return string([]rune(s)) } // as AppendJSON: U+FFFD per bad byte
		if want := valid(id); got.MessageID != want {
			t.Errorf("message_id: got %q, want %q", got.MessageID, want)
		}
		if want := map[string]string{valid(name): valid(value)}; !reflect.DeepEqual(got.Attributes, want) {
			t.Errorf("attributes: got %q, want %q", got.Attributes, want)
		}
		switch {
		case len(payload) == 0:
			if got.Payload != nil || got.Base64 != "" {
				t.Errorf("payload of nothing: got %q and %q", got.Payload, got.Base64)
			}
		case !utf8.Valid(payload):
			if back, err := base64.StdEncoding.DecodeString(got.Base64); err != nil || !bytes.Equal(back, payload) {
				t.Errorf("base64: got %q (%v), want %q", back, err, payload)
			}
		case json.Valid(payload) && shallow(payload):
			var a, b any
			ea, eb := json.Unmarshal(got.Payload, &a), json.Unmarshal(payload, &b)
			if (ea == nil) != (eb == nil) || !reflect.DeepEqual(a, b) {
				t.Errorf("payload: got %s, want %s", got.Payload, payload)
			}
		default:
			var s string
			if err := json.Unmarshal(got.Payload, &s); err != nil || s != string(payload) {
				t.Errorf("payload: got %q (%v), want %q", s, err, payload)
			}
		}
	})
}
