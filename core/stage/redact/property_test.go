package redact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
	"pgregory.net/rapid"
)

// personalValue draws what people have in these fields.
func personalValue() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`\+[1-9][0-9]{7,13}`),
		rapid.StringMatching(`[1-9][0-9]{7,13}`),
		rapid.StringMatching(`[a-zA-Z][a-z0-9._+-]{2,10}@[a-z]{3,8}\.(com|example)`),
		rapid.StringMatching(`[A-Za-z]{2}[0-9]{3,6} [A-Za-z"'/\\&é]{2,10}[0-9]`),
	)
}

// spelled draws a way in which a provider may write a value, and the text around it.
func spelled(t *rapid.T, v string) string {
	escaped, _ := json.Marshal(v)
	hex := ""
	for i := range len(v) {
		hex += fmt.Sprintf("%%%02x", v[i])
	}
	unicode := ""
	for _, r := range v {
		unicode += fmt.Sprintf(`\u%04x`, r)
	}
	s := rapid.SampledFrom([]string{
		v, strings.ToUpper(v), url.QueryEscape(v), url.PathEscape(v), string(escaped[1 : len(escaped)-1]), hex, unicode,
		url.QueryEscape(url.QueryEscape(v)), html.EscapeString(v), "whatsapp:" + v, strings.TrimPrefix(v, "+"), "00" + strings.TrimPrefix(v, "+"),
	}).Draw(t, "spelling")
	return rapid.SampledFrom([]string{"", "to ", "https://x.example/?to=", "<", `{"to":"`}).Draw(t, "before") + s +
		rapid.SampledFrom([]string{"", ".", "&a=1", " x", `"}`}).Draw(t, "after")
}

// document draws JSON with the texts at its leaves and in its names.
func document(t *rapid.T, texts []string, depth int) string {
	if len(texts) == 0 || depth == 0 {
		leaf := rapid.SampledFrom([]string{"1.50", "true", "null", `"\u00e9\n"`, `""`}).Draw(t, "leaf")
		for _, s := range texts {
			leaf = `[` + leaf + `, ` + jsonText(t, s) + `]`
		}
		return leaf
	}
	cut := rapid.IntRange(0, len(texts)).Draw(t, "cut")
	left, right := document(t, texts[:cut], depth-1), document(t, texts[cut:], depth-1)
	switch rapid.IntRange(0, 2).Draw(t, "shape") {
	case 0:
		return `[` + left + " ,\t" + right + `]`
	case 1:
		return `{ "a":` + left + `,"a" : ` + right + `}`
	}
	return `{` + jsonText(t, texts[0]) + `:` + left + `,"b":` + right + `}`
}

// jsonText writes a string as JSON, with any of its characters escaped.
func jsonText(t *rapid.T, s string) string {
	if rapid.Bool().Draw(t, "plain") {
		b, _ := json.Marshal(s)
		return string(b)
	}
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range s {
		if r > 0xffff || rapid.IntRange(0, 2).Draw(t, "as it is") == 0 && r >= ' ' && r != '"' && r != '\\' {
			out.WriteRune(r)
			continue
		}
		fmt.Fprintf(&out, `\u%04x`, r)
	}
	out.WriteByte('"')
	return out.String()
}

// TestNothingLeaks: no redacted value stands anywhere in the event afterwards,
// whatever field it was in, wherever it is repeated, under whatever escape.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		action := rapid.SampledFrom([]string{"drop", "mask", "tokenize"}).Draw(t, "action")
		who, from := personalValue().Draw(t, "recipient"), personalValue().Draw(t, "sender")
		body := personalValue().Draw(t, "body")
		s := rules(t, action+" recipient", "tokenize sender", action+" attributes.name", action+" source_payload.body.0", "drop source_payload.Body")
		var texts []string
		for _, v := range []string{who, from, body} {
			for range rapid.IntRange(0, 3).Draw(t, "times") {
				texts = append(texts, spelled(t, v))
			}
		}
		var payload string
		if rapid.Bool().Draw(t, "form") {
			form := url.Values{"Body": {body}, "x": texts}
			payload = form.Encode()
			if len(texts) > 0 {
				payload += "&" + url.QueryEscape(texts[0]) + "=1"
			}
		} else {
			b, _ := json.Marshal(body)
			payload = fmt.Sprintf(`{"body":[%s],"rest":%s}`, b, document(t, texts, 3))
		}
		e := &sdk.Event{
			MessageID: "SM-" + who, ConversationID: spelled(t, from), CustomerID: spelled(t, who), CampaignID: spelled(t, body),
			ErrorReason: spelled(t, who), Recipient: who, Sender: from, SourcePayload: []byte(payload),
			Attributes: sdk.Attributes{{Name: "name", Value: body}, {Name: "copy", Value: spelled(t, who)}, {Name: spelled(t, from), Value: "x"}},
		}
		apply(t, s, e)
		for _, v := range []string{who, from, body} {
			if got := leaks(e, v); len(got) > 0 {
				t.Errorf("%q is still in %q\nof payload %s", v, got, payload)
			}
		}
	})
}

// skeleton is a document without its texts: what redaction must not change.
func skeleton(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return "object" // two names may become one
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = skeleton(v[i])
		}
		return out
	}
	return nil
}

func FuzzPayload(f *testing.F) {
	for _, s := range []string{
		`{"to":"+447700900123","n":[447700900123,1.5,true,null,{"+447700900123":"x"}]}`, `"\u002b447700900123"`, "[]", "{}", "7", `{"":[[]]}`,
		"To=%2B447700900123&Body=a+b&flag&=x", "a=%zz", `{"a":`, "<a/>", "\xff=1", `{"Body":{"a":[1,"x"]},"Body":2}`, " [ 1 , 2 ] \n",
	} {
		f.Add([]byte(s), "+447700900123")
	}
	f.Fuzz(func(t *testing.T, in []byte, who string) {
		s := rules(t, "tokenize recipient", "mask source_payload.Body", "mask source_payload.*.0.to")
		e := &sdk.Event{Recipient: who, SourcePayload: bytes.Clone(in)}
		apply(t, s, e)
		if json.Valid(in) {
			var before, after any
			if err := json.Unmarshal(e.SourcePayload, &after); err != nil {
				t.Fatalf("the result is not JSON: %v: %s", err, e.SourcePayload)
			}
			if err := json.Unmarshal(in, &before); err == nil && !reflect.DeepEqual(skeleton(after), skeleton(before)) {
				t.Errorf("the structure changed: %s became %s", in, e.SourcePayload)
			}
		} else if len(e.SourcePayload) > 0 {
			before, after := bytes.Count(in, []byte("&")), bytes.Count(e.SourcePayload, []byte("&"))
			if _, err := url.ParseQuery(strings.ReplaceAll(strings.TrimSpace(string(e.SourcePayload)), ";", "")); err != nil || before != after {
				t.Errorf("%q became %q: %v", in, e.SourcePayload, err)
			}
		}
		again := &sdk.Event{Recipient: who, SourcePayload: bytes.Clone(in)}
		apply(t, s, again)
		if !bytes.Equal(e.SourcePayload, again.SourcePayload) {
			t.Errorf("I8: %s, then %s", e.SourcePayload, again.SourcePayload)
		}
	})
}
