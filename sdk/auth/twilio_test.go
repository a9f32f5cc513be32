package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
)

func TestTwilioURLs(t *testing.T) {
	t.Parallel()
	v := compiled(t, twilio("12345", "second"))
	sign := func(url string) string { return signTwilio("12345", url, nil) }
	get := func(url, sig string) *Request {
		return &Request{Method: "GET", URL: url, Header: headers("X-Twilio-Signature", sig)}
	}
	const at = "https://example.com:8443/in?q=it's&x=1"
	for _, signed := range []string{
		at, "https://example.com/in?q=it's&x=1", "https://example.com:443/in?q=it's&x=1",
		"https://example.com:8443/in?q=it%27s&x=1", "https://example.com/in?q=it%27s&x=1", "https://example.com:443/in?q=it%27s&x=1",
	} {
		check(t, signed, v, get(at, sign(signed)), "")
	}
	for _, signed := range []string{
		"https://example.com:80/in?q=it's&x=1", "http://example.com/in?q=it's&x=1", "https://example.com/in?q=it's",
		"https://example.com/in?q=it's&x=2", "https://example.org/in?q=it's&x=1", "https://example.com/in?q=it%2527s&x=1",
	} {
		check(t, signed, v, get(at, sign(signed)), badSignature)
	}
	if got := v.Verify(get(at, signTwilio("second", "https://example.com:443/in?q=it%27s&x=1", nil)), clock); got.Key != 1 {
		t.Errorf("second key on the last variant: Verify = %+v, want key 1", got)
	}
}

// The variants that one scheme tries are not what the next one sees.
func TestVariantsStayInTheirScheme(t *testing.T) {
	t.Parallel()
	v := compiled(t, sdk.AnyOf{twilio("12345"), sdk.HMAC{Header: "X-Sign", Key: "k", Hash: sdk.SHA256, Encoding: sdk.Hex, Signed: "{url}"}})
	const at = "https://example.com:8443/in?q=it's"
	r := &Request{URL: at, Header: headers("X-Twilio-Signature", signTwilio("other", at, nil), "X-Sign", hex256("k", at))}
	if got, want := v.Verify(r, clock), (Result{OK: true, Key: 1}); got != want {
		t.Errorf("Verify = %+v, want %+v", got, want)
	}
}

// A signature over an URL alone opens the door to no body.
func TestTwilioBody(t *testing.T) {
	t.Parallel()
	v := compiled(t, twilio("12345"))
	const at = "https://example.com/in"
	body := `{"MessageStatus":"delivered"}`
	sum := sha256.Sum256([]byte(body))
	digest := hex.EncodeToString(sum[:])
	withDigest := at + "?bodySHA256=" + digest
	req := func(url, kind, body, signed string) *Request {
		return &Request{Method: "POST", URL: url, Body: []byte(body), Header: headers("Content-Type", kind, "X-Twilio-Signature", signTwilio("12345", signed, nil))}
	}
	check(t, "json", v, req(withDigest, "application/json", body, withDigest), "")
	upper := at + "?bodySHA256=" + strings.ToUpper(digest)
	check(t, "upper case digest", v, req(upper, "application/json", body, upper), "")
	check(t, "no body", v, req(at, "application/json", "", at), "")
	check(t, "body without digest", v, req(at, "application/json", body, at), uncoveredBody)
	check(t, "other body", v, req(withDigest, "application/json", body+" ", withDigest), badBodyDigest)
	check(t, "body taken away", v, req(withDigest, "application/json", "", withDigest), badBodyDigest)
	check(t, "digest twice", v, req(withDigest+"&bodySHA256="+digest, "application/json", body, withDigest+"&bodySHA256="+digest), repeatedParameter)
	check(t, "unsigned digest", v, req(withDigest, "application/json", body, at), badSignature)
	short := at + "?bodySHA256=" + digest[:62]
	check(t, "short digest", v, req(short, "application/json", body, short), badBodyDigest)
	none := at + "?bodySHA256="
	check(t, "empty digest", v, req(none, "application/json", body, none), badBodyDigest)
	check(t, "form unsigned", v, req(at, "application/x-www-form-urlencoded", "a=1", at), badSignature)
	check(t, "form malformed", v, req(at, "application/x-www-form-urlencoded", "a=%1", at), malformedBody)
	check(t, "form with parameter", v, req(at, "Application/X-WWW-Form-Urlencoded; charset=utf-8", "", at), "")
	r := req(at, "application/x-www-form-urlencoded", "a=1", at)
	r.Header.Add("Content-Type", "application/json")
	check(t, "two content types", v, r, repeatedHeader)
	r.Header.Del("Content-Type")
	check(t, "no content type", v, r, uncoveredBody)
	check(t, "too many fields", v, req(at, "application/x-www-form-urlencoded", strings.Repeat("a&", 2000), at), tooManyParameters)
}
