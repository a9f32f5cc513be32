package trigger

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/auth"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testID     = "0123456789abcdef0123456789abcdef"
	testURL    = "https://hooks.example.com/hooks/twilio/support?tenant=7"
	testSecret = "12345-test-token"
)

var testNow = time.Date(2026, 11, 23, 12, 4, 5, 0, time.UTC)

func testKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// scheme is the authentication that the provider's source declares.
func scheme(t testing.TB, typ string, key *ecdsa.PrivateKey) *auth.Verifier {
	t.Helper()
	var a sdk.Auth
	switch typ {
	case "twilio":
		a = sdk.Signature{
			Algorithm: sdk.AlgHMAC, Hash: sdk.SHA1, Keys: [][]byte{[]byte(testSecret)}, Encoding: sdk.Base64,
			Location: "{header.X-Twilio-Signature}", Signed: "{url}{form.sorted}", TryPorts: true,
			BodyDigest: "{query.bodySHA256}",
		}
	case "sendgrid":
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		const stamp = "{header.X-Twilio-Email-Event-Webhook-Timestamp}"
		a = sdk.Signature{
			Algorithm: sdk.AlgECDSA, Hash: sdk.SHA256, Keys: [][]byte{der}, Encoding: sdk.Base64, Time: stamp,
			Location: "{header.X-Twilio-Email-Event-Webhook-Signature}", Signed: stamp + "{body}",
		}
	}
	v, err := auth.Compile(sdk.WireAuth(a))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func spec(typ, kind string, key *ecdsa.PrivateKey) Spec {
	return Spec{Type: typ, Kind: kind, URL: testURL, Secret: testSecret, Key: key, ID: testID, Now: testNow}
}

// Every kind of request is accepted by the scheme that its source declares, and
// not with a byte of its body changed.
func TestSignaturesVerify(t *testing.T) {
	t.Parallel()
	key := testKey(t)
	for _, typ := range Types() {
		v := scheme(t, typ, key)
		for _, kind := range Kinds(typ) {
			s := spec(typ, kind, key)
			s.Set = []Field{{"Extra", "a=b&c %+é"}, {"timestamp", "1795000000"}}
			r, err := New(s)
			if err != nil {
				t.Fatalf("%s %s: %v", typ, kind, err)
			}
			req := auth.Request{Method: r.Method, URL: r.URL, Header: r.Header, Body: r.Body}
			if got := v.Verify(&req, testNow); !got.OK {
				t.Errorf("%s %s: got %+v, want OK", typ, kind, got)
			}
			i := bytes.IndexByte(r.Body, '1')
			req.Body = bytes.Clone(r.Body)
			req.Body[i] = '2'
			if got := v.Verify(&req, testNow); got.OK {
				t.Errorf("%s %s with a changed body: got OK, want a refusal", typ, kind)
			}
		}
	}
}

func TestTwilioFields(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind string
		set  []Field
		want map[string]string
	}{
		{"delivered", nil, map[string]string{"MessageStatus": "delivered", "SmsStatus": "delivered", "MessageSid": "SM" + testID, "RawDlrDoneDate": "2611231204", "ErrorCode": ""}},
		{"undelivered", nil, map[string]string{"MessageStatus": "undelivered", "ErrorCode": "30003"}},
		{"sent", nil, map[string]string{"MessageStatus": "sent", "RawDlrDoneDate": ""}},
		{"inbound", nil, map[string]string{"SmsStatus": "received", "From": "+15558675310", "MessageStatus": ""}},
		{"stop", nil, map[string]string{"Body": "STOP", "OptOutType": "STOP"}},
		{"delivered", []Field{{"MessageSid", "SM1"}, {"To", "+447700900123"}}, map[string]string{"MessageSid": "SM1", "To": "+447700900123"}},
	} {
		s := spec("twilio", c.kind, nil)
		s.Set = c.set
		r, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		form, err := url.ParseQuery(string(r.Body))
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range c.want {
			if got := form.Get(name); got != want {
				t.Errorf("%s: %s: got %q, want %q", c.kind, name, got, want)
			}
		}
		if got, want := r.MessageID, form.Get("MessageSid"); got != want {
			t.Errorf("%s: message id: got %q, want %q", c.kind, got, want)
		}
	}
}

func TestSendGridFields(t *testing.T) {
	t.Parallel()
	s := spec("sendgrid", "open", testKey(t))
	s.Set = []Field{{"sg_machine_open", "true"}, {"timestamp", "1513299569"}, {"category", "a,b"}, {"email", "x@example.com"}, {"sg_message_id", "m1.rest"}}
	r, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(r.Body, []byte("]\r\n")) {
		t.Errorf("body ends in %q, want CR LF", r.Body[len(r.Body)-3:])
	}
	var got []map[string]any
	if err := json.Unmarshal(r.Body, &got); err != nil || len(got) != 1 {
		t.Fatalf("body: %v, %d events", err, len(got))
	}
	for name, want := range map[string]any{"sg_machine_open": true, "timestamp": float64(1513299569), "email": "x@example.com", "event": "open"} {
		if got[0][name] != want {
			t.Errorf("%s: got %v, want %v", name, got[0][name], want)
		}
	}
	if r.MessageID != "m1" {
		t.Errorf("message id: got %q, want %q", r.MessageID, "m1")
	}
}

func TestWrongSpecs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Spec)
		want   string
	}{
		"type":      {func(s *Spec) { s.Type = "acme" }, `no requests are known for type "acme"`},
		"kind":      {func(s *Spec) { s.Kind = "teleported" }, `twilio has no "teleported"; it has delivered,`},
		"secret":    {func(s *Spec) { s.Secret = "" }, "auth_token, which is not set"},
		"key":       {func(s *Spec) { s.Type, s.Kind = "sendgrid", "open" }, "--private-key"},
		"id":        {func(s *Spec) { s.ID = "1" }, "1 characters, not 32"},
		"kind, key": {func(s *Spec) { s.Type, s.Key = "sendgrid", testKey(t); s.Kind = "x" }, `sendgrid has no "x"`},
	} {
		s := spec("twilio", "delivered", nil)
		c.change(&s)
		_, err := New(s)
		if !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), testSecret) {
			t.Errorf("%s: the error shows the secret", name)
		}
	}
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	key := testKey(t)
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := x509.MarshalPKCS8PrivateKey(rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		ok   bool
	}{
		"sec1":  {pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}), true},
		"pkcs8": {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), true},
		"rsa":   {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: foreign}), false},
		"junk":  {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")}), false},
		"text":  {[]byte("not a key"), false},
		"empty": {nil, false},
	} {
		got, err := ParseKey(c.data)
		if (err == nil) != c.ok {
			t.Errorf("%s: got error %v, want ok %t", name, err, c.ok)
		}
		if c.ok && !got.Equal(key) {
			t.Errorf("%s: got another key", name)
		}
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	v := scheme(t, "twilio", nil)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := new(bytes.Buffer)
		_, _ = body.ReadFrom(r.Body)
		if got := v.Verify(&auth.Request{Method: r.Method, URL: testURL, Header: r.Header, Body: body.Bytes()}, testNow); !got.OK {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("Patchbay-Delivery", "twilio.support/12")
	}))
	defer srv.Close()
	r, err := New(spec("twilio", "delivered", nil))
	if err != nil {
		t.Fatal(err)
	}
	now := testNow
	clock := func() time.Time { now = now.Add(time.Millisecond); return now }
	got, err := Send(context.Background(), srv.Client(), r, srv.URL+"/x", clock)
	want := Result{Status: 200, Latency: time.Millisecond, Delivery: "twilio.support/12"}
	if err != nil || *got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	srv.Close()
	if _, err := Send(context.Background(), srv.Client(), r, srv.URL, clock); err == nil {
		t.Error("nobody listens: got no error")
	}
}

func FuzzTwilioSet(f *testing.F) {
	f.Add("To", "+447700900123")
	f.Add("", "")
	f.Add("Body", "a&b=c %zz\x00é\xff")
	v := scheme(f, "twilio", nil)
	f.Fuzz(func(t *testing.T, name, value string) {
		s := spec("twilio", "delivered", nil)
		s.Set = []Field{{name, value}}
		r, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Verify(&auth.Request{Method: r.Method, URL: r.URL, Header: r.Header, Body: r.Body}, testNow); !got.OK {
			t.Fatalf("%q=%q: got %+v, want OK", name, value, got)
		}
	})
}
