package redact

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/sdk"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type tb interface {
	Helper()
	Fatalf(format string, args ...any)
}

var testKey = []byte("0123456789abcdef")

// rules reads "mask recipient" and the like.
func rules(t tb, lines ...string) *Stage {
	t.Helper()
	c := &config.Redact{Key: testKey}
	for _, l := range lines {
		action, name, _ := strings.Cut(l, " ")
		r := config.Redaction{Action: action}
		if rest, ok := strings.CutPrefix(name, "attributes."); ok {
			r.Attribute = rest
		} else if rest, ok := strings.CutPrefix(name, "source_payload"); ok {
			r.FormField = strings.TrimPrefix(rest, ".")
			r.Payload = rest == ""
			for step := range strings.SplitSeq(r.FormField, ".") {
				switch {
				case r.Payload:
				case step == "*":
					r.Path = append(r.Path, config.PathStep{Any: true})
				case step == "0":
					r.Path = append(r.Path, config.PathStep{})
				default:
					r.Path = append(r.Path, config.PathStep{Name: step})
				}
			}
		} else {
			r.Field = name
		}
		c.Rules = append(c.Rules, r)
	}
	s, err := New(c)
	if err != nil {
		t.Fatalf("new: %v", err)
	}
	return s
}

func apply(t tb, s *Stage, e *sdk.Event) {
	t.Helper()
	if err := s.Apply(context.Background(), &stage.Batch{Items: []stage.Item{{Event: e}}}); err != nil {
		t.Fatalf("apply: %v", err)
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"+447700900123":          "+44******123",
		"447700900123":           "447******123",
		"+4477009":               "***",
		"jane.doe@example.com":   "j***@example.com",
		"jd@example.com":         "***@example.com",
		"@example.com":           "***@example.com",
		"Jane":                   "J***",
		"Zoë":                    "Z***",
		"ab":                     "***",
		"whatsapp:+447700900123": "wha******123",
	} {
		if got := mask(in); got != want {
			t.Errorf("mask(%q): got %q, want %q", in, got, want)
		}
	}
}

// TestTokens: one person has one token, whatever the spelling; keys don't share
// tokens; and the form is what other systems rely on.
func TestTokens(t *testing.T) {
	t.Parallel()
	k := newTokens(testKey)
	same := []string{"+447700900123", "447700900123", "00447700900123", "whatsapp:+447700900123", "+44 7700 900-123", " +447700900123 "}
	for _, v := range same {
		if got, want := k.of(v), k.of(same[0]); got != want {
			t.Errorf("token of %q: got %s, want %s", v, got, want)
		}
	}
	if a, b := k.of("Jane@Example.com"), k.of("jane@example.com"); a != b {
		t.Errorf("tokens of one mailbox: got %s and %s", a, b)
	}
	if a, b := k.of("c_1"), k.of("C_1"); a == b {
		t.Errorf("tokens of c_1 and C_1: got %s twice", a)
	}
	// A golden value: tokens must stay the same from version to version.
	if got, want := k.of("+447700900123"), "tok_boi5_gskqvca6nel4y3wlofijblcaki"; got != want {
		t.Errorf("token: got %s, want %s", got, want)
	}
	other := newTokens([]byte("fedcba9876543210")).of("+447700900123")
	if other[:9] == k.of("+447700900123")[:9] || other[9:] == k.of("+447700900123")[9:] {
		t.Errorf("tokens of two keys: got %s and %s", other, k.of("+447700900123"))
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]*config.Redact{
		"no key":    {Rules: []config.Redaction{{Action: config.Tokenize, Field: "recipient"}}},
		"short key": {Rules: []config.Redaction{{Action: config.Tokenize, Field: "recipient"}}, Key: []byte("short")},
		"identity":  {Rules: []config.Redaction{{Action: config.Drop, Field: "message_id"}}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// TestPayload shows what becomes of payloads: what is named, what repeats it, and
// what keeps its bytes.
func TestPayload(t *testing.T) {
	t.Parallel()
	token := newTokens(testKey).of("+447700900123")
	for _, tt := range []struct{ name, rules, in, want string }{
		{"leaf", "tokenize recipient", `{ "to" : "+447700900123","n": 1.50 }`, `{ "to" : "` + token + `","n": 1.50 }`},
		{"escaped", "tokenize recipient", `{"to":"\u002b4477009\u0030\u0030123"}`, `{"to":"` + token + `"}`},
		{"number", "tokenize recipient", `{"to":447700900123,"x":[4.47700900123e11, 5]}`, `{"to":"` + token + `","x":["` + token + `", 5]}`},
		{"inside text", "mask recipient", `{"t":"sent to 00447700900123 today"}`, `{"t":"sent to +44******123 today"}`},
		{"channel prefix", "tokenize recipient", `{"to":"whatsapp:+447700900123"}`, `{"to":"whatsapp:` + token + `"}`},
		{"inside a URL", "drop recipient", `{"u":"https://x/?to=%2b447700900123&a=1"}`, `{"u":"https://x/?to=***\u0026a=1"}`},
		{"escaped in an inner document", "drop recipient", `{"u":"{\"to\":\"\\u002b44770\\u0030900123\"}"}`, `{"u":"***"}`},
		{"escaped twice", "drop recipient", `{"u":"%252B44%37700900123"}`, `{"u":"***"}`},
		{"member name", "drop recipient", `{"+447700900123":{"ok":true}}`, `{"***":{"ok":true}}`},
		{"top level", "drop recipient", `"+447700900123"`, `""`},
		{"letter case", "drop sender", `{"from":"MY SHOP Ltd","x":"my shop ltd."}`, `{"from":"","x":"***."}`},
		{"whole word", "drop customer_id", `{"a":"Services","b":"a Service!"}`, `{"a":"Services","b":"a ***!"}`},
		{"untouched", "drop recipient", "{\"a\":\"\\u0041\xff\",\n \"b\":1e400}", "{\"a\":\"\\u0041\xff\",\n \"b\":1e400}"},
		{"path", "drop source_payload.a.b", `{"a":{"b":"x","c":"y"},"b":1}`, `{"a":{"b":"","c":"y"},"b":1}`},
		{"path to a number", "drop source_payload.a", `{"a":12}`, `{"a":null}`},
		{"path to a bool", "mask source_payload.a", `{"a":true,"b":null}`, `{"a":null,"b":null}`},
		{"path to an object", "drop source_payload.a", `{"a":{"x":[1,{"y":"}"}]},"b":2}`, `{"a":null,"b":2}`},
		{"path masks all below", "mask source_payload.a", `{"a":{"x":["Jane","Joan"]},"b":"c"}`, `{"a":{"x":["J***","J***"]},"b":"c"}`},
		{"every element", "drop source_payload.m.*.t", `{"m":[{"t":"a"},{"t":"b"}]}`, `{"m":[{"t":""},{"t":""}]}`},
		{"one element", "drop source_payload.m.0", `{"m":["a","b"]}`, `{"m":["","b"]}`},
		{"through lists", "drop source_payload.m.t", `[{"m":[{"t":"a"}]}]`, `[{"m":[{"t":""}]}]`},
		{"member twice", "drop source_payload.a", `{"a":"x","a":"y"}`, `{"a":"","a":""}`},
		{"path value elsewhere", "drop source_payload.body", `{"body":"my secret","echo":"> my secret"}`, `{"body":"","echo":"\u003e ***"}`},
		{"form", "tokenize recipient", "To=%2B447700900123&From=x+y&Empty=&flag", "To=" + token + "&From=x+y&Empty=&flag"},
		{"form field", "mask source_payload.Body", "Body=Hello+you&To=a", "Body=H%2A%2A%2A&To=a"},
		{"form line", "drop recipient", "To=447700900123\r\n", "To=\r\n"},
		{"all", "drop source_payload", `{"a":1}`, ""},
		{"broken JSON", "drop recipient", `{"a":`, "removed"},
		{"XML", "drop recipient", `<a b="c">d</a>`, "removed"},
		{"bytes", "drop recipient", "\xff\xfe=1", "removed"},
		{"bad escape", "drop recipient", "a=%zz", "removed"},
		{"empty", "drop recipient", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := &sdk.Event{Recipient: "+447700900123", Sender: "My Shop Ltd", CustomerID: "Service", SourcePayload: []byte(tt.in)}
			apply(t, rules(t, tt.rules), e)
			got := string(e.SourcePayload)
			if e.Attr(sdk.AttrPayloadRemoved) == "unreadable" && len(got) == 0 {
				got = "removed"
			}
			if got != tt.want {
				t.Errorf("payload\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestEvent: what was redacted is gone from all texts of the event; identity,
// times and words stay; and doing it again changes nothing.
func TestEvent(t *testing.T) {
	t.Parallel()
	e := &sdk.Event{
		ID: sdk.ID{1}, MessageID: "SM1", Recipient: "+447700900123", Sender: "12345", CustomerID: "7", ConversationID: "+447700900123:x",
		ErrorReason: "no route to 447700900123", ProviderStatus: "failed", StatusCode: "7",
		Attributes:    sdk.Attributes{{Name: "to", Value: "tel:+447700900123"}, {Name: "name", Value: "Jane Doe"}, {Name: "greeting", Value: "Dear Jane Doe,"}, {Name: "n", Value: "7"}},
		SourcePayload: []byte(`{"parts":7,"from":"12345"}`),
	}
	raw := e.SourcePayload
	s := rules(t, "mask recipient", "drop sender", "tokenize customer_id", "drop attributes.name")
	apply(t, s, e)
	token := s.tokens.of("7")
	want := sdk.Event{
		ID: sdk.ID{1}, MessageID: "SM1", Recipient: "+44******123", CustomerID: token, ConversationID: "+44******123:x",
		ErrorReason: "no route to +44******123", ProviderStatus: "failed", StatusCode: "7",
		Attributes:    sdk.Attributes{{Name: "to", Value: "tel:+44******123"}, {Name: "greeting", Value: "Dear ***,"}, {Name: "n", Value: token}},
		SourcePayload: []byte(`{"parts":"` + token + `","from":""}`),
	}
	got, _ := json.Marshal(e)
	wanted, _ := json.Marshal(want)
	if string(got) != string(wanted) {
		t.Errorf("event\n got %s\nwant %s", got, wanted)
	}
	if string(raw) != `{"parts":7,"from":"12345"}` {
		t.Errorf("the request's own bytes were changed: %s", raw)
	}
	fresh := &sdk.Event{MessageID: "SM1", Recipient: "+447700900123", SourcePayload: []byte(`{"to":"+447700900123"}`)}
	again := *fresh
	apply(t, s, fresh)
	apply(t, s, &again)
	if string(fresh.SourcePayload) != string(again.SourcePayload) || fresh.Recipient != again.Recipient {
		t.Errorf("I8: a replay gives %s, %s, then %s, %s", fresh.Recipient, fresh.SourcePayload, again.Recipient, again.SourcePayload)
	}
}

// TestEndedEvents: an event that a stage before ended leaves a note, which must
// not hold what is redacted.
func TestEndedEvents(t *testing.T) {
	t.Parallel()
	e := &sdk.Event{Recipient: "+447700900123", SourcePayload: []byte("not readable")}
	b := &stage.Batch{Items: []stage.Item{{Event: e}}}
	b.Items[0].End(journal.Filtered, "filter", "a.hcl:1")
	if err := rules(t, "drop recipient").Apply(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	if e.Recipient != "" || b.Items[0].Outcome != journal.Filtered {
		t.Errorf("got recipient %q, outcome %v, want none, filtered", e.Recipient, b.Items[0].Outcome)
	}
}

// leaks returns where a value still stands in an event, under any escape.
func leaks(e *sdk.Event, value string) (where []string) {
	texts := map[string]string{
		"message_id": e.MessageID, "conversation_id": e.ConversationID, "customer_id": e.CustomerID, "campaign_id": e.CampaignID,
		"account": e.Account, "provider_status": e.ProviderStatus, "status_code": e.StatusCode, "error_reason": e.ErrorReason,
		"recipient": e.Recipient, "sender": e.Sender, "payload": string(e.SourcePayload),
	}
	for _, a := range e.Attributes {
		texts["attribute "+a.Name] = a.Value
		texts["name "+a.Name] = a.Name
	}
	for name, text := range texts {
		for range 5 {
			for _, v := range []string{text, strings.ReplaceAll(text, "+", " ")} {
				if strings.Contains(strings.ToLower(v), strings.ToLower(value)) {
					where = append(where, name+": "+text)
				}
			}
			if u, err := url.PathUnescape(text); err == nil {
				text = u
			}
			var s string
			if json.Unmarshal([]byte(`"`+strings.ReplaceAll(text, `"`, `\"`)+`"`), &s) == nil {
				text = s
			}
		}
	}
	slices.Sort(where)
	return slices.Compact(where)
}
