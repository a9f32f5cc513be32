package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// noon is the verifier's clock in these tests, in seconds.
const noon = 1735732800

var clock = time.Unix(noon, 0)

func hmac256(key, text string) []byte {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(text))
	return m.Sum(nil)
}

func hex256(key, text string) string { return hex.EncodeToString(hmac256(key, text)) }
func b64256(key, text string) string { return base64.StdEncoding.EncodeToString(hmac256(key, text)) }

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func post(body string, pairs ...string) *Request {
	return &Request{Method: "POST", URL: "https://hooks.example.com/in", Header: headers(pairs...), Body: []byte(body)}
}

// check verifies r at clock and compares the verdict: a reason, or "" for OK.
func check(t *testing.T, name string, v *Verifier, r *Request, want reason) {
	t.Helper()
	got := v.Verify(r, clock)
	if got.OK != (want == "") || got.Reason != string(want) || (got.Key < 0) == got.OK {
		t.Errorf("%s: Verify = %+v, want reason %q", name, got, want)
	}
}

// The checklist's bad signatures, in hex with a prefix.
func TestSignatureHex(t *testing.T) {
	t.Parallel()
	const body = `{"a":1}`
	good := hex256("secret", body)
	v := compiled(t, sdk.HMAC{Header: "X-Sign", Key: "secret", Prefix: "sha256=", Hash: sdk.SHA256, Encoding: sdk.Hex})
	for name, c := range map[string]struct {
		header string
		want   reason
	}{
		"right":            {"sha256=" + good, ""},
		"upper case":       {"sha256=" + strings.ToUpper(good), ""},
		"empty":            {"", missingSignature},
		"prefix alone":     {"sha256=", malformedSignature},
		"no prefix":        {good, malformedSignature},
		"wrong prefix":     {"sha1=" + good, malformedSignature},
		"prefix's case":    {"SHA256=" + good, malformedSignature},
		"beginning":        {"sha256=" + good[:62], malformedSignature},
		"odd":              {"sha256=" + good[:63], malformedSignature},
		"longer":           {"sha256=" + good + "00", malformedSignature},
		"trailing space":   {"sha256=" + good + " ", malformedSignature},
		"trailing newline": {"sha256=" + good + "\n", malformedSignature},
		"not hex":          {"sha256=" + strings.Repeat("zz", 32), malformedSignature},
		"base64":           {"sha256=" + b64256("secret", body), malformedSignature},
		"other key":        {"sha256=" + hex256("Secret", body), badSignature},
		"other body":       {"sha256=" + hex256("secret", body+" "), badSignature},
		"huge":             {"sha256=" + strings.Repeat("00", 1<<16), malformedSignature},
		"comma list":       {"sha256=" + good + ",sha256=" + good, malformedSignature},
	} {
		check(t, name, v, post(body, "X-Sign", c.header), c.want)
	}
	check(t, "absent", v, post(body), missingSignature)
	check(t, "repeated", v, post(body, "X-Sign", "sha256="+good, "X-Sign", "sha256="+good), repeatedHeader)
}

// Every changed byte of body or signature is noticed.
func TestSignatureFlips(t *testing.T) {
	t.Parallel()
	const body = `{"event":"delivered","to":"+15550001111"}`
	good := b64256("secret", body)
	v := compiled(t, sdk.HMAC{Header: "X-Sign", Key: "secret", Hash: sdk.SHA256, Encoding: sdk.Base64})
	check(t, "untouched", v, post(body, "X-Sign", good), "")
	for i := range body {
		for bit := range 8 {
			changed := []byte(body)
			changed[i] ^= 1 << bit
			check(t, "body", v, post(string(changed), "X-Sign", good), badSignature)
		}
	}
	for i := range good {
		for _, c := range []byte("A+/=-_ \n\x00z") {
			changed := []byte(good)
			changed[i] = c
			if string(changed) == good {
				continue
			}
			if got := v.Verify(post(body, "X-Sign", string(changed)), clock); got.OK {
				t.Errorf("byte %d of the signature changed to %q: Verify = %+v, want a refusal", i, c, got)
			}
		}
	}
	for n := range good {
		if got := v.Verify(post(body, "X-Sign", good[:n]), clock); got.OK != (n == len(good)-1) {
			t.Errorf("%d characters of the signature: Verify = %+v", n, got) // all but the padding will do
		}
	}
}

func TestSignatureBase64(t *testing.T) {
	t.Parallel()
	body := "x"
	std := b64256("k", body)
	for !strings.Contains(std, "+") || !strings.Contains(std, "/") {
		body += "x"
		std = b64256("k", body)
	}
	raw := strings.TrimRight(std, "=")
	url := strings.NewReplacer("+", "-", "/", "_").Replace(std)
	// The last character but the padding carries two bits that mean nothing.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	end := len(raw) - 1
	last := raw[:end] + string(alphabet[strings.IndexByte(alphabet, raw[end])+1])
	for _, c := range []struct {
		encoding sdk.Encoding
		text     string
		want     reason
	}{
		{sdk.Base64, std, ""},
		{sdk.Base64, raw, ""},
		{sdk.Base64, url, malformedSignature},
		{sdk.Base64URL, url, ""},
		{sdk.Base64URL, strings.TrimRight(url, "="), ""},
		{sdk.Base64URL, std, malformedSignature},
		{sdk.Base64, std + "=", malformedSignature},
		{sdk.Base64, raw + "==", malformedSignature},
		{sdk.Base64, std + "\n", malformedSignature},
		{sdk.Base64, std[:10] + "\r\n" + std[10:], malformedSignature},
		{sdk.Base64, raw[:10] + "\n" + raw[10:], malformedSignature},
		{sdk.Base64, raw[:10] + "\r" + raw[10:], malformedSignature},
		{sdk.Base64, last + "=", malformedSignature},
		{sdk.Base64, last, malformedSignature},
		{sdk.Base64, "====", malformedSignature},
		{sdk.Base64, "=", malformedSignature},
		{sdk.Base64, std[:40], malformedSignature},
		{sdk.Base64, std + std, malformedSignature},
	} {
		v := compiled(t, sdk.HMAC{Header: "X-Sign", Key: "k", Hash: sdk.SHA256, Encoding: c.encoding})
		check(t, c.text, v, post(body, "X-Sign", c.text), c.want)
	}
}

func TestSignatureTime(t *testing.T) {
	t.Parallel()
	auth := func(unit string, age time.Duration, past bool) *Verifier {
		return compiled(t, signatureWith(func(s *sdk.Signature) {
			s.Signed, s.Time, s.TimeUnit, s.MaxAge, s.PastOnly = "{time}.{body}", "{header.X-Time}", unit, age, past
		}))
	}
	const five = 5 * time.Minute
	for _, c := range []struct {
		v    *Verifier
		time string
		want reason
	}{
		{auth("", five, false), "1735732800", ""},
		{auth("s", five, false), "1735732500", ""},
		{auth("s", five, false), "1735732499", stale},
		{auth("s", five, false), "1735733100", ""},
		{auth("s", five, false), "1735733101", stale},
		{auth("s", five, true), "1735733101", ""},
		{auth("s", five, true), "1735732499", stale},
		{auth("s", 0, false), "0", ""},
		{auth("s", five, false), "0", stale},
		{auth("s", 0, false), "", malformedTime},
		{auth("s", 0, false), "00", malformedTime},
		{auth("s", 0, false), "01735732800", malformedTime},
		{auth("s", 0, false), "+1735732800", malformedTime},
		{auth("s", 0, false), "-1735732800", malformedTime},
		{auth("s", 0, false), " 1735732800", malformedTime},
		{auth("s", 0, false), "1735732800 ", malformedTime},
		{auth("s", 0, false), "1735732800.0", malformedTime},
		{auth("s", 0, false), "1.7e9", malformedTime},
		{auth("s", 0, false), "0x67752a00", malformedTime},
		{auth("s", 0, false), "1_735_732_800", malformedTime},
		{auth("s", 0, false), "١٧٣٥٧٣٢٨٠٠", malformedTime},
		{auth("s", 0, false), "253402300799", ""},
		{auth("s", 0, false), "253402300800", malformedTime},
		{auth("s", five, true), "9223372036854775807", malformedTime},
		{auth("s", five, true), "9223372036854775808", malformedTime},
		{auth("s", five, true), "18446744073709551616", malformedTime},
		{auth("s", five, true), strings.Repeat("9", 1000), malformedTime},
		{auth("ms", five, false), "1735732800000", ""},
		{auth("ms", five, false), "1735732500000", ""},
		{auth("ms", five, false), "1735732499999", stale},
		{auth("ms", five, false), "1735732800", stale},
		{auth("s", five, false), "1735732800000", malformedTime},
		{auth("rfc3339", five, false), "2025-01-01T12:00:00Z", ""},
		{auth("rfc3339", five, false), "2025-01-01T14:04:59.999+02:00", ""},
		{auth("rfc3339", five, false), "2025-01-01T11:54:59Z", stale},
		{auth("rfc3339", five, false), "2025-01-01 12:00:00Z", malformedTime},
		{auth("rfc3339", five, false), "1735732800", malformedTime},
	} {
		check(t, c.time, c.v, post("x", "X-Time", c.time, "X-Sign", hex256("k", c.time+".x")), c.want)
	}
	v := auth("s", five, false)
	check(t, "absent", v, post("x", "X-Sign", hex256("k", ".x")), missingTime)
	check(t, "repeated", v, post("x", "X-Time", "1735732800", "X-Time", "1735732800", "X-Sign", hex256("k", "1735732800.x")), repeatedHeader)
	check(t, "another time than signed", v, post("x", "X-Time", "1735732801", "X-Sign", hex256("k", "1735732800.x")), badSignature)
}

// F24: a clock that jumps refuses, it neither overflows nor accepts.
func TestSignatureClock(t *testing.T) {
	t.Parallel()
	v := compiled(t, slack("k"))
	r := post("x", "X-Slack-Request-Timestamp", "1735732800", "X-Slack-Signature", "v0="+hex256("k", "v0:1735732800:x"))
	for _, now := range []time.Time{
		{}, time.Unix(0, 0), clock.AddDate(10, 0, 0), clock.AddDate(-10, 0, 0), clock.Add(time.Hour), clock.Add(-time.Hour),
		time.Unix(1<<62, 0), time.Unix(-1<<62, 0), time.UnixMilli(1<<63 - 1), time.UnixMilli(-1 << 63),
	} {
		if got := v.Verify(r, now); got.OK || got.Reason != string(stale) {
			t.Errorf("at %v: Verify = %+v, want stale", now, got)
		}
	}
	if got := v.Verify(r, clock); !got.OK {
		t.Errorf("at noon: Verify = %+v, want OK", got)
	}
}

// A list of key=value items, as in Stripe-Signature.
func TestSignatureItems(t *testing.T) {
	t.Parallel()
	v := compiled(t, stripe("k", "old"))
	const stamp = "1735732800"
	good, old := hex256("k", stamp+".x"), hex256("old", stamp+".x")
	bad := hex256("other", stamp+".x")
	for _, c := range []struct {
		header string
		want   reason
	}{
		{"t=" + stamp + ",v1=" + good, ""},
		{"t=" + stamp + ",v1=" + old, ""},
		{"v1=" + good + ",t=" + stamp, ""},
		{"t=" + stamp + ", v1=" + good + ",", ""},
		{"t=" + stamp + ",v0=" + bad + ",v1=" + good, ""},
		{"t=" + stamp + ",v1=" + bad + ",v1=zz,v1=,v1=" + good, ""},
		{"t=" + stamp + ",v1=" + bad, badSignature},
		{"t=" + stamp + ",v0=" + good, missingSignature},
		{"t=" + stamp + ",V1=" + good, missingSignature},
		{"t=" + stamp + ",v1", malformedSignature},
		{"t=" + stamp + ",v1=", malformedSignature},
		{"t=" + stamp + ",v1==" + good, malformedSignature},
		{"v1=" + good, missingTime},
		{"t=,v1=" + good, malformedTime},
		{"t=" + stamp + ",t=" + stamp + ",v1=" + good, malformedTime},
		{"t=1735732801,v1=" + good, badSignature},
		{"t=1735732499,v1=" + hex256("k", "1735732499.x"), stale},
		{"t=1735739999,v1=" + hex256("k", "1735739999.x"), ""},
		{"", missingSignature},
		{",,,", missingSignature},
		{good, missingSignature},
		{"t=" + stamp + strings.Repeat(",v1="+bad, 15) + ",v1=" + good, ""},
		{"t=" + stamp + strings.Repeat(",v1="+bad, 16) + ",v1=" + good, badSignature},
		{"t=" + stamp + strings.Repeat(",v1=", 16) + ",v1=" + good, malformedSignature},
		{strings.Repeat("v1="+bad+",", 1000) + "v1=" + good + ",t=" + stamp, badSignature},
	} {
		check(t, c.header[:min(len(c.header), 80)], v, post("x", "Stripe-Signature", c.header), c.want)
	}
}

// Without items each part of the list is a signature.
func TestSignatureList(t *testing.T) {
	t.Parallel()
	v := compiled(t, plivo("k"))
	at := "https://hooks.example.com/in"
	good, bad := b64256("k", at+"?a1b2.n"), b64256("other", "x")
	form := func(sig string) *Request {
		return post("b=2&a=1", "Content-Type", "application/x-www-form-urlencoded", "X-Plivo-Signature-V3", sig, "X-Plivo-Signature-V3-Nonce", "n")
	}
	check(t, "first", v, form(good+","+bad), "")
	check(t, "last", v, form(bad+", "+good), "")
	check(t, "sixteenth", v, form(strings.Repeat(bad+",", 15)+good), "")
	check(t, "seventeenth", v, form(strings.Repeat(bad+",", 16)+good), badSignature)
	check(t, "none", v, form(" , "), missingSignature)
	r := form(good)
	r.URL += "?c=3"
	check(t, "parameter added to the URL", v, r, badSignature)
	r = form(good)
	r.Header.Set("Content-Type", "application/json")
	check(t, "a form that is declared to be none", v, r, uncoveredBody)
	r = form(good)
	r.Header.Del("X-Plivo-Signature-V3-Nonce")
	check(t, "a part of the text is absent", v, r, missingPart)
	r = form(b64256("k", at+".n"))
	r.Body = nil
	check(t, "no parameters", v, r, "")
}

// The algorithm is the configuration's, whatever prefix the request writes.
func TestSignatureHeadersOnly(t *testing.T) {
	t.Parallel()
	v := compiled(t, sdk.HMAC{ // Mailomat
		Header: "X-MOM-Webhook-Signature", Prefix: "sha256=", Key: "k", Hash: sdk.SHA256, Encoding: sdk.Hex,
		Signed: "{header.X-MOM-Webhook-ID}.{header.X-MOM-Webhook-Event}.{header.X-MOM-Webhook-Timestamp}",
		Time:   "{header.X-MOM-Webhook-Timestamp}",
	})
	good := hex256("k", "id.sent.1735732800")
	set := []string{"X-MOM-Webhook-ID", "id", "X-MOM-Webhook-Event", "sent", "X-MOM-Webhook-Timestamp", "1735732800"}
	check(t, "right", v, post("", append(set, "X-MOM-Webhook-Signature", "sha256="+good)...), "")
	check(t, "md5", v, post("", append(set, "X-MOM-Webhook-Signature", "md5="+good)...), malformedSignature)
	check(t, "part absent", v, post("", append(set[2:], "X-MOM-Webhook-Signature", "sha256="+good)...), missingPart)
}

// A Verifier serves many requests at once without mixing them up.
func TestVerifyConcurrently(t *testing.T) {
	t.Parallel()
	v := compiled(t, sdk.AnyOf{stripe("k"), twilio("12345")})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 200 {
				body := strings.Repeat(strconv.Itoa(i), n+1)
				stamp := strconv.Itoa(noon - i)
				r := post(body, "Stripe-Signature", "t="+stamp+",v1="+hex256("k", stamp+"."+body))
				if got := v.Verify(r, clock); !got.OK || got.Key != 0 {
					t.Errorf("stripe: Verify = %+v, want OK by key 0", got)
				}
				form := [][2]string{{"b", body}, {"a", stamp}}
				r = post("b="+body+"&a="+stamp, "Content-Type", "application/x-www-form-urlencoded", "X-Twilio-Signature", signTwilio("12345", "https://hooks.example.com/in", form))
				if got := v.Verify(r, clock); !got.OK || got.Key != 1 {
					t.Errorf("twilio: Verify = %+v, want OK by key 1", got)
				}
				r.Body[0] = 'c'
				if got := v.Verify(r, clock); got.OK {
					t.Errorf("tampered: Verify = %+v, want a refusal", got)
				}
			}
		})
	}
	wg.Wait()
}
