package auth

import (
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// fixture is a request of a provider with its secret and the expected verdict.
type fixture struct {
	Request struct {
		Method  string            `json:"method"`
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	} `json:"request"`
	Secret map[string]string `json:"secret"`
	Now    int64             `json:"now"`
	Valid  *bool             `json:"valid"`
}

func (f *fixture) request() *Request {
	h := http.Header{}
	for k, v := range f.Request.Headers {
		h.Set(k, v)
	}
	return &Request{Method: f.Request.Method, URL: f.Request.URL, Header: h, Body: []byte(f.Request.Body)}
}

func (f *fixture) now() time.Time {
	if ms, err := strconv.ParseInt(f.Secret["now_ms"], 10, 64); err == nil {
		return time.UnixMilli(ms)
	}
	if s, err := strconv.ParseInt(f.Secret["now"], 10, 64); err == nil {
		return time.Unix(s, 0)
	}
	return time.Unix(f.Now, 0)
}

// providerAuth is the scheme of each provider whose requests the fixtures hold,
// by folder and the beginning of the file's name: the contract expresses them
// all. The rest needs the plugin: X.509 of SNS and the parameters of Vonage SMS.
func providerAuth(f *fixture, dir, name string) sdk.Auth {
	secret := f.Secret
	switch {
	case dir == "generic/hmac":
		return sdk.HMAC{
			Header: secret["header"], Key: secret["secret"], Hash: sdk.Hash(secret["algorithm"]),
			Encoding: sdk.Encoding(secret["encoding"]), Prefix: secret["prefix"],
		}
	case dir == "generic/standard-webhooks" || dir == "email/resend":
		return sdk.StandardWebhooks{Secrets: []string{secret["secret"]}}
	case dir == "generic/hubspot" && strings.HasPrefix(name, "v1"):
		return hubspotV1(secret["client_secret"])
	case dir == "generic/hubspot":
		return hubspotV3(secret["client_secret"])
	case dir == "sms/twilio":
		return twilio(secret["auth_token"])
	case dir == "sms/messagebird" && strings.HasPrefix(name, "jwt"):
		return messagebirdJWT(secret["signing_key"])
	case dir == "sms/messagebird":
		return messagebirdHMAC(secret["signing_key"])
	case dir == "sms/plivo":
		return plivo(secret["auth_token"])
	case dir == "sms/sinch" || dir == "chatbot/sinch":
		return sinch(secret["webhook_secret"])
	case dir == "sms/vonage" && strings.HasPrefix(name, "sig-jwt"):
		return sdk.JWT{
			Location: "{header.Authorization}", Prefix: "Bearer ", Algorithms: []string{"HS256"},
			Keys: [][]byte{[]byte(secret["signature_secret"])},
		}
	case dir == "chatbot/slack":
		return slack(secret["signing_secret"])
	case dir == "chatbot/line":
		return sdk.HMAC{Header: "X-Line-Signature", Key: secret["channel_secret"], Hash: sdk.SHA256, Encoding: sdk.Base64}
	case dir == "chatbot/viber":
		return sdk.HMAC{Header: "X-Viber-Content-Signature", Key: secret["auth_token"], Hash: sdk.SHA256, Encoding: sdk.Hex}
	case dir == "chatbot/whatsapp":
		return sdk.HMAC{Header: "X-Hub-Signature-256", Prefix: "sha256=", Key: secret["app_secret"], Hash: sdk.SHA256, Encoding: sdk.Hex}
	case dir == "chatbot/meta":
		return sdk.Token{Location: "{query.hub.verify_token}", Values: []string{secret["verify_token"]}}
	case dir == "email/sendgrid":
		return sendgrid(secret["public_key_der_b64"])
	case dir == "email/mandrill":
		return sdk.HMAC{Header: "X-Mandrill-Signature", Key: secret["key"], Hash: sdk.SHA1, Encoding: sdk.Base64, Signed: "{url}{form.sorted}"}
	case dir == "email/mailgun":
		return mailgun(secret["signing_key"])
	}
	return nil
}

func twilio(keys ...string) sdk.Auth {
	return sdk.Signature{
		Algorithm: sdk.AlgHMAC, Hash: sdk.SHA1, Keys: byteKeys(keys), Location: "{header.X-Twilio-Signature}",
		Encoding: sdk.Base64, Signed: "{url}{form.sorted}", TryPorts: true, BodyDigest: "{query.bodySHA256}",
	}
}

func hubspotV1(key string) sdk.Auth {
	return sdk.Signature{
		Algorithm: sdk.AlgDigest, Hash: sdk.SHA256, Keys: byteKeys([]string{key}), Location: "{header.X-HubSpot-Signature}",
		Encoding: sdk.Hex, Signed: "{key}{body}",
	}
}

func hubspotV3(key string) sdk.Auth {
	return sdk.Signature{
		Algorithm: sdk.AlgHMAC, Hash: sdk.SHA256, Keys: byteKeys([]string{key}), Location: "{header.X-HubSpot-Signature-v3}",
		Encoding: sdk.Base64, Signed: "{method}{url}{body}{time}", Time: "{header.X-HubSpot-Request-Timestamp}",
		TimeUnit: "ms", MaxAge: 5 * time.Minute,
	}
}

func messagebirdJWT(key string) sdk.Auth {
	if key == "" { // of the token without a signature, which no key may open
		key = "any"
	}
	return sdk.JWT{
		Location: "{header.MessageBird-Signature-JWT}", Algorithms: []string{"HS256", "HS384", "HS512"},
		Keys: byteKeys([]string{key}), Leeway: time.Second,
		Claims:       map[string]string{"iss": "MessageBird", "url_hash": "{url.sha256.hex}"},
		ClaimsIfBody: map[string]string{"payload_hash": "{body.sha256.hex}"},
	}
}

func messagebirdHMAC(key string) sdk.Auth {
	const stamp = "{header.MessageBird-Request-Timestamp}"
	return sdk.HMAC{
		Header: "MessageBird-Signature", Key: key, Hash: sdk.SHA256, Encoding: sdk.Base64,
		Signed: stamp + "\n{query.sorted}\n{body.sha256}", Time: stamp, MaxAge: 100 * time.Second,
	}
}

func plivo(key string) sdk.Auth {
	return sdk.AnyOf{
		sdk.Signature{
			Algorithm: sdk.AlgHMAC, Hash: sdk.SHA256, Keys: byteKeys([]string{key}), Encoding: sdk.Base64,
			Location: "{header.X-Plivo-Signature-V3}", Separator: ",",
			Signed: "{url.base}{params.sorted}.{header.X-Plivo-Signature-V3-Nonce}",
		},
		sdk.HMAC{
			Header: "X-Plivo-Signature-V2", Key: key, Hash: sdk.SHA256, Encoding: sdk.Base64,
			Signed: "{url.base}{header.X-Plivo-Signature-V2-Nonce}",
		},
	}
}

func sinch(key string) sdk.Auth {
	const stamp = "{header.X-Sinch-Webhook-Signature-Timestamp}"
	return sdk.HMAC{
		Header: "X-Sinch-Webhook-Signature", Key: key, Hash: sdk.SHA256, Encoding: sdk.Base64, Time: stamp,
		Signed: "{body}.{header.X-Sinch-Webhook-Signature-Nonce}." + stamp, MaxAge: 5 * time.Minute,
	}
}

func slack(key string) sdk.Auth {
	return sdk.HMAC{
		Header: "X-Slack-Signature", Prefix: "v0=", Key: key, Hash: sdk.SHA256, Encoding: sdk.Hex,
		Signed: "v0:{time}:{body}", Time: "{header.X-Slack-Request-Timestamp}", MaxAge: 5 * time.Minute,
	}
}

func stripe(keys ...string) sdk.Auth {
	return sdk.Signature{
		Algorithm: sdk.AlgHMAC, Hash: sdk.SHA256, Keys: byteKeys(keys), Location: "{header.Stripe-Signature}",
		Encoding: sdk.Hex, Separator: ",", Item: "v1", TimeItem: "t", Signed: "{time}.{body}",
		MaxAge: 5 * time.Minute, PastOnly: true,
	}
}

func sendgrid(key string) sdk.Auth {
	const stamp = "{header.X-Twilio-Email-Event-Webhook-Timestamp}"
	der, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		panic(err)
	}
	return sdk.Signature{
		Algorithm: sdk.AlgECDSA, Hash: sdk.SHA256, Keys: [][]byte{der}, Encoding: sdk.Base64, Time: stamp,
		Location: "{header.X-Twilio-Email-Event-Webhook-Signature}", Signed: stamp + "{body}",
	}
}

func mailgun(key string) sdk.Auth {
	return sdk.Signature{
		Algorithm: sdk.AlgHMAC, Hash: sdk.SHA256, Keys: byteKeys([]string{key}), Encoding: sdk.Hex,
		Location: "{json.signature.signature}", Signed: "{json.signature.timestamp}{json.signature.token}",
		Time: "{json.signature.timestamp}",
	}
}

func byteKeys(keys []string) [][]byte {
	out := make([][]byte, 0, len(keys))
	for _, k := range keys {
		out = append(out, []byte(k))
	}
	return out
}

// compiled fails the test unless a compiles.
func compiled(tb testing.TB, a sdk.Auth) *Verifier {
	tb.Helper()
	v, err := Compile(sdk.WireAuth(a))
	if err != nil {
		tb.Fatalf("Compile(%T) = %v", a, err)
	}
	return v
}

// TestFixtures checks the requests of real providers that schemes as data can
// express.
func TestFixtures(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "..", "shared", "fixtures")
	if _, err := os.Stat(root); err != nil {
		t.Skipf("the fixtures are absent: %v", err)
	}
	checked := map[string]int{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".json") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var f fixture
		var probe struct{ Valid *bool }
		if err := json.Unmarshal(raw, &probe); err != nil || probe.Valid == nil {
			return err
		}
		if err := json.Unmarshal(raw, &f); err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(rel))
		a := providerAuth(&f, dir, filepath.Base(rel))
		if a == nil {
			return nil
		}
		checked[dir]++
		t.Run(rel, func(t *testing.T) { checkFixture(t, &f, compiled(t, a)) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("checked: %v", checked)
	for dir, least := range map[string]int{
		"sms/twilio": 11, "sms/messagebird": 20, "sms/plivo": 4, "sms/sinch": 1, "sms/vonage": 2, "chatbot/sinch": 2,
		"chatbot/slack": 3, "chatbot/line": 2, "chatbot/viber": 1, "chatbot/whatsapp": 1, "chatbot/meta": 1,
		"email/sendgrid": 4, "email/mandrill": 2, "email/mailgun": 8, "email/resend": 1,
		"generic/hmac": 13, "generic/hubspot": 3, "generic/standard-webhooks": 9,
	} {
		if checked[dir] < least {
			t.Errorf("%s: got %d fixtures, want at least %d", dir, checked[dir], least)
		}
	}
}

func checkFixture(t *testing.T, f *fixture, v *Verifier) {
	t.Helper()
	got := v.Verify(f.request(), f.now())
	if got.OK != *f.Valid {
		t.Fatalf("Verify = %+v, want OK %v", got, *f.Valid)
	}
	if got.OK && (got.Key != 0 && got.Key != 1 || got.Reason != "") || !got.OK && (got.Key != -1 || got.Reason == "") {
		t.Errorf("Verify = %+v: Key and Reason do not fit OK", got)
	}
}
