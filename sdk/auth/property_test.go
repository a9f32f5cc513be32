package auth

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var formHeader = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}

// plainSortedForm is {form.sorted} by way of the standard library.
func plainSortedForm(body string) (string, bool) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return "", false
	}
	var keys []string
	for k := range values {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var b strings.Builder
	for _, k := range keys {
		sort.Strings(values[k])
		for _, v := range slices.Compact(values[k]) {
			b.WriteString(k + v)
		}
	}
	return b.String(), true
}

func template(tb testing.TB, text string) *Template {
	tb.Helper()
	t, err := CompileTemplate(text)
	if err != nil {
		tb.Fatalf("CompileTemplate(%q) = %v", text, err)
	}
	return t
}

// The form and the query read as the standard library reads them.
func TestParamsLikeStandardLibrary(t *testing.T) {
	t.Parallel()
	form, query := template(t, "{form.sorted}"), template(t, "{query.sorted}")
	text := rapid.StringOf(rapid.SampledFrom([]rune("aabB01=&+% ä\x00%2%41%c3%a4-_.~*'/?#")))
	rapid.Check(t, func(t *rapid.T) {
		body := text.Draw(t, "body")
		want, ok := plainSortedForm(body)
		if got, gotOK := form.Text(&Request{Header: formHeader, Body: []byte(body)}); got != want || gotOK != ok {
			t.Fatalf("{form.sorted} of %q = %q, %v; want %q, %v", body, got, gotOK, want, ok)
		}
		values, err := url.ParseQuery(body)
		if err != nil {
			values = nil
		}
		if got, ok := query.Text(&Request{URL: "https://h/?" + body}); got != values.Encode() || ok != (err == nil) {
			t.Fatalf("{query.sorted} of %q = %q, %v; want %q, %v", body, got, ok, values.Encode(), err == nil)
		}
	})
}

// A request passes if and only if what it says is what was signed: whatever is
// done to the body, the verdict is that of the plain implementation.
func TestTwilioLikePlain(t *testing.T) {
	t.Parallel()
	v := compiled(t, twilio("12345"))
	part := rapid.StringMatching(`[A-Za-z0-9+ ä&=%]{0,8}`)
	rapid.Check(t, func(t *rapid.T) {
		var form [][2]string
		var items []string
		for range rapid.IntRange(1, 30).Draw(t, "fields") {
			p := [2]string{part.Draw(t, "key"), part.Draw(t, "value")}
			form = append(form, p)
			items = append(items, url.QueryEscape(p[0])+"="+url.QueryEscape(p[1]))
		}
		const at = "https://example.com/in"
		body := []byte(strings.Join(items, "&"))
		r := &Request{URL: at, Body: body, Header: http.Header{
			"Content-Type": formHeader["Content-Type"], "X-Twilio-Signature": {signTwilio("12345", at, form)},
		}}
		if got := v.Verify(r, clock); !got.OK {
			t.Fatalf("Verify of %q = %+v, want OK", body, got)
		}
		signed, _ := plainSortedForm(string(body))
		body[rapid.IntRange(0, len(body)-1).Draw(t, "at")] = rapid.Byte().Filter(func(c byte) bool { return c != ';' }).Draw(t, "byte")
		changed, ok := plainSortedForm(string(body))
		if got, want := v.Verify(r, clock), ok && changed == signed; got.OK != want {
			t.Fatalf("Verify of %q = %+v, want OK %v", body, got, want)
		}
	})
}

// A path leads to what the standard library finds there.
func TestJSONLikeStandardLibrary(t *testing.T) {
	t.Parallel()
	text := rapid.StringOf(rapid.SampledFrom([]rune("ab\"\\/\b\n\u2028ä😀{}[],: ")))
	rapid.Check(t, func(t *rapid.T) {
		want := text.Draw(t, "value")
		var noise []any
		for range rapid.IntRange(0, 3).Draw(t, "noise") {
			noise = append(noise, map[string]any{text.Draw(t, "key"): []any{text.Draw(t, "text"), 1.5, nil, true}})
		}
		doc, err := json.MarshalIndent(map[string]any{
			"before": noise, "outer": map[string]any{"list": []any{noise, map[string]any{"want": want}}, "x": noise}, "z": noise,
		}, "", rapid.SampledFrom([]string{"", " ", "\t"}).Draw(t, "indent"))
		if err != nil {
			t.Fatal(err)
		}
		got, why := jsonScalar(doc, []string{"outer", "list", "1", "want"})
		if string(got) != want || why != "" {
			t.Fatalf("jsonScalar(%s) = %q, %q; want %q", doc, got, why, want)
		}
	})
}
