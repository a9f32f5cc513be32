package auth

import (
	"crypto/sha256"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/patchbay-io/patchbay/sdk"
)

// FuzzTemplate: compiling and evaluating neither panics nor depends on a scope's
// past, and a compiled template has only parts that can be evaluated.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{
		"{url}{form.sorted}", "v0:{header.X-T}:{body}", "{json.a.0.b}", `{"a":"{json.c}"}`, "{params.sorted}.{query.x.y}", "{", "{a", "{}",
		"{body.sha256.hex}{url.sha256}", "{header.\x00}", "{query.sorted}{path}{method}{query}{url.base}",
	} {
		f.Add(s, `{"a":[{"b":1}],"c":"x"}`, "https://h/p?x.y=1&a=b")
		f.Add(s, "a=1&b=%41", "/p?%zz")
	}
	f.Fuzz(func(t *testing.T, text, body, url string) {
		tmpl, err := CompileTemplate(text)
		if err != nil {
			return
		}
		for _, kind := range []string{"application/json", "application/x-www-form-urlencoded"} {
			r := &Request{Method: "POST", URL: url, Header: headers("Content-Type", kind, "X-T", "t"), Body: []byte(body)}
			first, ok := tmpl.Text(r)
			tmpl.Text(&Request{URL: "/other?x=1", Body: []byte("other")})
			if again, okAgain := tmpl.Text(r); again != first || okAgain != ok {
				t.Fatalf("Text(%q) = %q, %v, then %q, %v", text, first, ok, again, okAgain)
			}
			if string(r.Body) != body {
				t.Fatalf("Text(%q) changed the body", text)
			}
		}
	})
}

// FuzzForm compares the parser with the standard library's.
func FuzzForm(f *testing.F) {
	for _, s := range []string{"", "a=1&b=2", "a&a&=&", "a=%41+%2b&%", "a=%4", "%C3%A4=ä", "&&=&=1", "a=b=c"} {
		f.Add(s)
	}
	tmpl := template(f, "{form.sorted}")
	f.Fuzz(func(t *testing.T, body string) {
		if strings.Contains(body, ";") || strings.Count(body, "&") >= maxParams {
			return // refused by the one, by the other
		}
		want, ok := plainSortedForm(body)
		if got, gotOK := tmpl.Text(&Request{Header: formHeader, Body: []byte(body)}); got != want || gotOK != ok {
			t.Fatalf("{form.sorted} of %q = %q, %v; want %q, %v", body, got, gotOK, want, ok)
		}
	})
}

// FuzzJSON compares the value of a key with the standard library's.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":1}`, `{"a":"x\u00e4\ud83d\ude00"}`, `{"b":[{"a":2}],"a":true}`, `{"a":1,"a":2}`, `{"\u0061":"\""}`, ` { } `, `[1]`, `1`, `{"a":{}}`,
		`{"a":"\ud800"}`, "{\"a\":\"\xff\"}", `{"a" : -1.5e+10 , "c":"}"}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		if !json.Valid([]byte(doc)) {
			return
		}
		got, why := jsonScalar([]byte(doc), []string{"a"})
		var object map[string]json.RawMessage
		if json.Unmarshal([]byte(doc), &object) != nil {
			if why == "" && !strings.HasPrefix(strings.TrimLeft(doc, " \t\r\n"), "[") {
				t.Fatalf("jsonScalar(%q) = %q, want none", doc, got)
			}
			return
		}
		if why != "" {
			return // refused: repeated, absent, no scalar or no exact text
		}
		raw := string(object["a"])
		if !strings.HasPrefix(raw, `"`) {
			if string(got) != raw {
				t.Fatalf("jsonScalar(%q) = %q, want %q", doc, got, raw)
			}
			return
		}
		var want string
		if err := json.Unmarshal(object["a"], &want); err != nil || string(got) != want || !utf8.Valid(got) {
			t.Fatalf("jsonScalar(%q) = %q, want %q (%v)", doc, got, want, err)
		}
	})
}

// FuzzSignatureHeader: no header but one with the right signature in it is
// accepted.
func FuzzSignatureHeader(f *testing.F) {
	const stamp = "1735732800"
	items := compiled(f, stripe("k"))
	standard := compiled(f, sdk.StandardWebhooks{Secrets: []string{standardSecret}})
	list := compiled(f, sdk.Signature{
		Algorithm: sdk.AlgHMAC, Hash: sdk.SHA256, Keys: byteKeys([]string{"k"}), Location: "{header.X-List}", Separator: ",",
		Encoding: sdk.Base64URL, Prefix: "v=",
	})
	hexSig, stdSig := hex256("k", stamp+".x"), b64256(standardText, "id."+stamp+".x")
	urlSig := strings.NewReplacer("+", "-", "/", "_").Replace(b64256("k", "x"))
	for _, s := range []string{
		"t=" + stamp + ",v1=" + hexSig, "t=" + stamp + ",v1=,v1=" + hexSig, "v1," + stdSig, "v1,x v2,y v1," + stdSig, "v=" + urlSig, "v=a,v=" + urlSig, "", ",", " ",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := post("x", "Stripe-Signature", text)
		if got := items.Verify(r, clock); got.OK && !(strings.Contains(text, "t="+stamp) && strings.Contains(strings.ToLower(text), "v1="+hexSig)) {
			t.Errorf("items: Verify(%q) = %+v", text, got)
		}
		r = post("x", "Webhook-Id", "id", "Webhook-Timestamp", stamp, "Webhook-Signature", text)
		if got := standard.Verify(r, clock); got.OK && !strings.Contains(text, "v1,"+strings.TrimRight(stdSig, "=")) {
			t.Errorf("standard: Verify(%q) = %+v", text, got)
		}
		r = post("x", "X-List", text)
		if got := list.Verify(r, clock); got.OK && !strings.Contains(text, "v="+strings.TrimRight(urlSig, "=")) {
			t.Errorf("list: Verify(%q) = %+v", text, got)
		}
	})
}

// FuzzStandardHeaders: a text that was not signed is not accepted, however id,
// timestamp and body are cut.
func FuzzStandardHeaders(f *testing.F) {
	v := compiled(f, sdk.StandardWebhooks{Secrets: []string{standardSecret}})
	sig := "v1," + b64256(standardText, "msg_1.1735732800.1735732800.x")
	f.Add("msg_1", "1735732800", "1735732800.x")
	f.Add("msg_1.1735732800", "1735732800", "x")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, id, stamp, body string) {
		r := post(body, "Webhook-Id", id, "Webhook-Timestamp", stamp, "Webhook-Signature", sig)
		want := id == "msg_1" && stamp == "1735732800" && body == "1735732800.x"
		if got := v.Verify(r, clock); got.OK != want {
			t.Errorf("Verify(%q, %q, %q) = %+v, want OK %v", id, stamp, body, got, want)
		}
	})
}

// FuzzJWT: no token but one that the key signed is accepted.
func FuzzJWT(f *testing.F) {
	v := compiled(f, jwtWith(func(j *sdk.JWT) { j.Algorithms, j.MaxAge = []string{"HS256"}, 1e12 }))
	good := signJWT("k", sha256.New, hs256, `{"iat":1735732800}`)
	f.Add(good, hs256, `{"iat":1735732800}`)
	f.Add(good[:30], `{"alg":"none"}`, `{"iat":1,"exp":1e9}`)
	f.Add("a.b.c", `{"alg":"HS256","crit":[]}`, `[]`)
	f.Fuzz(func(t *testing.T, token, header, claims string) {
		if got := v.Verify(post("", "X-Token", token), clock); got.OK && token != good {
			t.Errorf("Verify(%q) = %+v, want a refusal", token, got)
		}
		// Signed, but with any header and claims.
		got := v.Verify(post("", "X-Token", signJWT("k", sha256.New, header, claims)), clock)
		var h struct{ Alg string }
		if got.OK && (json.Unmarshal([]byte(header), &h) != nil || h.Alg != "HS256" || !json.Valid([]byte(claims))) {
			t.Errorf("Verify of %q, %q = %+v, want a refusal", header, claims, got)
		}
	})
}

// FuzzURLVariants: a variant leads to the same host, path and query, and the
// first is the URL as given.
func FuzzURLVariants(f *testing.F) {
	for _, s := range []string{"https://h:1/p?q='", "http://u:p@[::1]:9?x", "://:", "https://", "/p", "https://h:/", "A://::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		variants := urlVariants(text)
		if len(variants) == 0 || len(variants) > 6 || variants[0] != text {
			t.Fatalf("urlVariants(%q) = %q", text, variants)
		}
		given, err := url.Parse(text)
		if err != nil || given.Opaque != "" {
			return
		}
		if !strings.Contains(given.Host, "[") && strings.Contains(given.Hostname(), ":") {
			return // no host that a public URL can have
		}
		for _, v := range variants[1:] {
			u, err := url.Parse(v)
			if err != nil || u.Hostname() != given.Hostname() || u.Path != given.Path ||
				strings.ReplaceAll(u.RawQuery, "%27", "'") != strings.ReplaceAll(given.RawQuery, "%27", "'") {
				t.Errorf("urlVariants(%q): %q leads elsewhere (%v)", text, v, err)
			}
		}
	})
}
