package sendgrid

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/sdktest"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

// connect serves the source in process: verdicts on parts are seen only there.
func connect(t testing.TB) *sdk.Client {
	t.Helper()
	conn, err := sdktest.Connect(sdk.SourceType(New()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if _, err := conn.Client.ConfigureSource(context.Background(), configureRequest(testConfig(t))); err != nil {
		t.Fatal(err)
	}
	return conn.Client
}

// fataler is what testing.TB and rapid.T have in common.
type fataler interface{ Fatalf(string, ...any) }

// parseWire parses one body over the wire.
func parseWire(t fataler, c *sdk.Client, body string) *sdk.Parsed {
	d := sdk.Delivery{Body: []byte(body)}
	part := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), d.AppendWire(nil))
	p, err := c.Parse(context.Background(), [][]byte{part}, 1)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return p
}

// parse parses one body and returns its events.
func parse(t fataler, body string) []*sdk.Event {
	var out sdk.Batch
	if err := New().Parse(context.Background(), []sdk.Delivery{{Body: []byte(body)}}, &out); err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return out.Events()
}

// element returns an element that is good, or refused with code.
func element(t *rapid.T) (text, code string) {
	good := `{"event":"open","email":"ada@example.com","sg_event_id":"` + rapid.StringMatching(`[A-Za-z0-9_-]{22}`).Draw(t, "id") + `"`
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom([]string{"1", `"x"`, "[]", "null", "{}", `{"email":"a"}`, good + `,"status":[]}`}).Draw(t, "bad"), sdk.Malformed
	case 1:
		return good + `,"x":1,"x":2}`, "duplicate_key"
	case 2:
		return good + ",\"x\":\"\xff\"}", "bad_utf8"
	case 3:
		return good + `,"x":["\udc00"]}`, "lone_surrogate"
	case 4:
		return good + `,"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, "too_deep"
	}
	return good + `}`, ""
}

// TestPartlyBad proves I3 for arrays: each element is an event or a rejected
// part, in its place, with exactly its own bytes, whatever stands beside it.
func TestPartlyBad(t *testing.T) {
	t.Parallel()
	c := connect(t)
	rapid.Check(t, func(t *rapid.T) {
		var texts, codes []string
		for range rapid.IntRange(1, 20).Draw(t, "elements") {
			text, code := element(t)
			texts, codes = append(texts, text), append(codes, code)
		}
		space := rapid.SampledFrom([]string{"", " ", "\r\n", "\t\n "})
		body := "[" + space.Draw(t, "before")
		for i, text := range texts {
			if i > 0 {
				body += space.Draw(t, "left") + "," + space.Draw(t, "right")
			}
			body += text
		}
		body += space.Draw(t, "after") + "]\r\n"

		p := parseWire(t, c, body)
		var want, got []string
		for i, code := range codes {
			want = append(want, fmt.Sprintf("%d %s %s", i, code, texts[i]))
		}
		events, verdicts := p.Events, p.Verdicts
		for i, code := range codes {
			switch {
			case code == "" && len(events) > 0:
				e := events[0]
				got = append(got, fmt.Sprintf("%d  %s", i, body[e.PayloadOffset:e.PayloadOffset+e.PayloadLength]))
				events = events[1:]
			case code != "" && len(verdicts) > 0:
				v := verdicts[0]
				got = append(got, fmt.Sprintf("%d %s %s", v.Index, v.Code, body[v.Offset:v.Offset+v.Length]))
				verdicts = verdicts[1:]
			}
		}
		if !slices.Equal(got, want) || len(events)+len(verdicts) != 0 {
			t.Fatalf("%q:\ngot  %q\nwant %q\n%d events and %d verdicts too many", body, got, want, len(events), len(verdicts))
		}
	})
}

// TestNothingIsLost: whatever members an event has, each is found again, under
// a name of its own.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	names := []string{
		"a", "tier", "ip", "useragent", "attempt", "machine", "custom_machine", "custom_custom_machine", "text", "categories", "smtp_id",
		"custom_categories", "bounce_class", "custom_", "", "custom_x", "singlesend_id", "marketing_campaign_id", "pool", "żółć",
	}
	value := rapid.OneOf(rapid.Just[any](true), rapid.Map(rapid.StringN(1, 20, -1), func(s string) any { return s }),
		rapid.Map(rapid.Int64(), func(n int64) any { return n }), rapid.Just[any](map[string]any{"k": []any{1, "x"}}))
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.MapOf(rapid.SampledFrom(names), value).Draw(t, "members")
		in["event"], in["email"] = "delivered", "ada@example.com"
		text, err := json.Marshal([]any{in})
		if err != nil {
			t.Fatalf("%v", err)
		}
		events := parse(t, string(text))
		if len(events) != 1 {
			t.Fatalf("%s: %d events, want 1", text, len(events))
		}
		e := events[0]
		seen := map[string]bool{}
		for _, a := range e.Attributes {
			if seen[a.Name] {
				t.Fatalf("%s: two attributes %q: %q", text, a.Name, e.Attributes)
			}
			seen[a.Name] = true
		}
		for name, v := range in {
			want, ok := v.(string)
			if !ok {
				b, err := json.Marshal(v)
				if err != nil {
					t.Fatalf("%v", err)
				}
				want = string(b)
			}
			if name == "event" || name == "email" {
				continue
			}
			if got := e.Attr(attributeName(name)); got != want {
				t.Fatalf("%s: %q is %q, want %q", text, name, got, want)
			}
		}
		if got, want := len(e.Attributes), len(in)-2; got != want {
			t.Fatalf("%s: %d attributes, want %d: %q", text, got, want, e.Attributes)
		}
	})
}

// TestMeaningCannotBeFaked: a sender's argument never sets what core and reports
// take for ours.
func TestMeaningCannotBeFaked(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		sdk.AttrTimestampSource, sdk.AttrClockSuspect, sdk.AttrBounceClass, sdk.AttrMachine, sdk.AttrConsentScope, sdk.AttrText,
	} {
		e := parse(t, `[{"event":"open","`+name+`":"true"}]`)[0]
		if got, set := e.Attributes.Get(name); set {
			t.Errorf("%s was set to %q", name, got)
		}
		if got, want := e.Attr("custom_"+name), "true"; got != want {
			t.Errorf("custom_%s: got %q, want %q", name, got, want)
		}
	}
}

// TestIdentities proves I8: what SendGrid repeats has the same identity, what
// its history tells has the same second one, and different facts share none.
func TestIdentities(t *testing.T) {
	t.Parallel()
	const click = `"event":"click","email":"ada@example.com","sg_message_id":"m1","timestamp":1767312000,"url":"https://example.com/1"`
	for _, c := range []struct {
		name, a, b string
		first      bool // the same ProviderID
		second     bool // a common second identity
	}{
		{"a repetition", `{` + click + `,"sg_event_id":"e1"}`, `{"sg_event_id":"e1", ` + click + `}`, true, true},
		{"history, with another id", `{` + click + `,"sg_event_id":"e1"}`, `{` + click + `,"sg_event_id":"e2"}`, false, true},
		{"history, in milliseconds", `{` + click + `,"sg_event_id":"e1"}`, `{` + strings.Replace(click, "1767312000", "1767312000999", 1) + `,"sg_event_id":"e2"}`, false, true},
		{"another link", `{` + click + `,"sg_event_id":"e1"}`, `{` + strings.Replace(click, "com/1", "com/2", 1) + `,"sg_event_id":"e2"}`, false, false},
		{"another second", `{` + click + `,"sg_event_id":"e1"}`, `{` + strings.Replace(click, "1767312000", "1767312001", 1) + `,"sg_event_id":"e2"}`, false, false},
		{"another person", `{` + click + `,"sg_event_id":"e1"}`, `{` + strings.Replace(click, "ada", "bob", 1) + `,"sg_event_id":"e1"}`, false, false},
		{"another word, the id of a sample", `{` + click + `,"sg_event_id":"e1"}`, `{` + strings.Replace(click, "click", "open", 1) + `,"sg_event_id":"e1"}`, false, false},
		{"another message", `{` + click + `,"sg_event_id":"e1"}`, `{` + strings.Replace(click, "m1", "m2", 1) + `,"sg_event_id":"e2"}`, false, false},
	} {
		a, b := parse(t, "["+c.a+"]")[0], parse(t, `[{"event":"open"}, `+c.b+"]")[1]
		if got := a.ProviderID == b.ProviderID; got != c.first {
			t.Errorf("%s: %q and %q are the same: %v, want %v", c.name, a.ProviderID, b.ProviderID, got, c.first)
		}
		if got := slices.Equal(a.Identities, b.Identities); got != c.second || len(a.Identities) != 1 {
			t.Errorf("%s: %q and %q are the same: %v, want %v", c.name, a.Identities, b.Identities, got, c.second)
		}
	}
}

// TestEventsStandAlone: an event shares no memory with the request, nor with the
// next event in a way that either could notice.
func TestEventsStandAlone(t *testing.T) {
	t.Parallel()
	body := typical(20)
	var out sdk.Batch
	if err := New().Parse(t.Context(), []sdk.Delivery{{Body: body}}, &out); err != nil {
		t.Fatal(err)
	}
	want := wireOf(parse(t, string(body)))
	clear(body)
	if got := wireOf(out.Events()); !bytes.Equal(got, want) {
		t.Errorf("after the request's memory was used again: got %q, want %q", got, want)
	}
	for i, e := range out.Events() {
		e.Attributes.Set("added", strconv.Itoa(i))
		e.Identities = append(e.Identities, strconv.Itoa(i))
	}
	for i, e := range out.Events() {
		e.Attributes = e.Attributes[:len(e.Attributes)-1]
		if last := len(e.Identities) - 1; e.Identities[last] != strconv.Itoa(i) {
			t.Errorf("event %d: identities %q", i, e.Identities)
		} else {
			e.Identities = e.Identities[:last]
		}
	}
	if got := wireOf(out.Events()); !bytes.Equal(got, want) {
		t.Errorf("after something was added to each event: got %q, want %q", got, want)
	}
}
