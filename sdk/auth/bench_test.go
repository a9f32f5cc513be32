package auth

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// statusCallback is a request in the shape of Twilio's status callback: 20
// parameters, about 0.6 KB, in the order in which they happen to be sent.
func statusCallback(key string) *Request {
	form := [][2]string{
		{"ApiVersion", "2010-04-01"}, {"SmsSid", "SM0123456789abcdef0123456789abcdef"}, {"SmsStatus", "delivered"},
		{"MessageStatus", "delivered"}, {"To", "+15550001111"}, {"From", "+15550002222"},
		{"MessageSid", "SM0123456789abcdef0123456789abcdef"}, {"AccountSid", "AC0123456789abcdef0123456789abcdef"},
		{"MessagingServiceSid", "MG0123456789abcdef0123456789abcdef"}, {"RawDlrDoneDate", "2601021504"},
		{"ToCountry", "US"}, {"ToState", "New York"}, {"ToCity", "New York"}, {"ToZip", "10001"}, {"FromCountry", "US"},
		{"FromState", "CA"}, {"FromCity", "SAN FRANCISCO"}, {"FromZip", "94105"}, {"NumSegments", "1"}, {"ErrorCode", ""},
	}
	const at = "https://hooks.example.com/source/twilio/support?tenant=17"
	var body []string
	for _, p := range form {
		body = append(body, url.QueryEscape(p[0])+"="+url.QueryEscape(p[1]))
	}
	return &Request{
		Method: "POST", URL: at, Body: []byte(strings.Join(body, "&")),
		Header: http.Header{
			"Content-Type":       {"application/x-www-form-urlencoded"},
			"X-Twilio-Signature": {signTwilio(key, at, form)},
		},
	}
}

// signTwilio signs as Twilio does, in the plain way.
func signTwilio(key, at string, form [][2]string) string {
	form = slices.Clone(form)
	slices.SortFunc(form, func(a, b [2]string) int { return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1])) })
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write([]byte(at))
	for _, p := range slices.Compact(form) {
		mac.Write([]byte(p[0] + p[1]))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func benchmarkVerify(b *testing.B, v *Verifier, r *Request, now time.Time, want bool) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(len(r.Body)))
	for b.Loop() {
		if got := v.Verify(r, now); got.OK != want {
			b.Fatalf("Verify = %+v, want OK %v", got, want)
		}
	}
}

func BenchmarkTwilioForm(b *testing.B) {
	benchmarkVerify(b, compiled(b, twilio("12345")), statusCallback("12345"), time.Time{}, true)
}

// BenchmarkTwilioRefused is the worst case: all variants of the URL are tried.
func BenchmarkTwilioRefused(b *testing.B) {
	r := statusCallback("12345")
	r.URL += "&text=it's"
	benchmarkVerify(b, compiled(b, twilio("12345")), r, time.Time{}, false)
}

func BenchmarkHMACBody(b *testing.B) {
	body := []byte(strings.Repeat(`{"event":"delivered"},`, 50))
	mac := hmac.New(sha256.New, []byte("secret"))
	mac.Write(body)
	r := &Request{Body: body, Header: http.Header{"X-Sign": {hex.EncodeToString(mac.Sum(nil))}}}
	a := sdk.HMAC{Header: "X-Sign", Key: "secret", Hash: sdk.SHA256, Encoding: sdk.Hex}
	benchmarkVerify(b, compiled(b, a), r, time.Time{}, true)
}

func BenchmarkECDSA(b *testing.B) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(strings.Repeat(`{"event":"delivered"},`, 50))
	sum := sha256.Sum256(append([]byte("1600112502"), body...))
	sig, err := ecdsa.SignASN1(rand.Reader, private, sum[:])
	if err != nil {
		b.Fatal(err)
	}
	r := &Request{Body: body, Header: http.Header{
		"X-Twilio-Email-Event-Webhook-Signature": {base64.StdEncoding.EncodeToString(sig)},
		"X-Twilio-Email-Event-Webhook-Timestamp": {"1600112502"},
	}}
	benchmarkVerify(b, compiled(b, sendgrid(base64.StdEncoding.EncodeToString(public))), r, time.Time{}, true)
}
