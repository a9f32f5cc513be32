package sendgrid

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

func testConfig(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/config.json")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func configureRequest(config []byte) *wire.ConfigureRequest {
	return &wire.ConfigureRequest{Type: "sendgrid", Name: "test", ConfigJson: config}
}

// public returns a public key as SendGrid would show it.
func public(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func generate(t *testing.T, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestAuth: a signature over the text that is declared, made with the private
// key, verifies with the keys that are declared.
func TestAuth(t *testing.T) {
	t.Parallel()
	newKey, oldKey := generate(t, elliptic.P256()), generate(t, elliptic.P256())
	a, err := New().Configure(t.Context(), &Config{
		PublicKey: " " + public(t, &newKey.PublicKey) + "\n", PreviousKeys: []string{public(t, &oldKey.PublicKey)}, MaxAge: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := sdk.WireAuth(a).GetSignature()
	if s.GetAlgorithm() != "ecdsa" || s.GetHash() != "sha256" || s.GetEncoding() != "base64" ||
		s.GetLocation() != "{header.X-Twilio-Email-Event-Webhook-Signature}" ||
		s.GetTime() != "{header.X-Twilio-Email-Event-Webhook-Timestamp}" || s.GetMaxAgeMs() != time.Hour.Milliseconds() {
		t.Errorf("got %v", s)
	}
	const stamp, body = "1767312000", "[{\"event\":\"open\"}]\r\n"
	text := strings.NewReplacer("{header.X-Twilio-Email-Event-Webhook-Timestamp}", stamp, "{body}", body).Replace(s.GetSigned())
	sum := sha256.Sum256([]byte(text))
	for i, key := range []*ecdsa.PrivateKey{newKey, oldKey} {
		// What SendGrid does: the stamp and the body, with nothing between them.
		signed := sha256.Sum256([]byte(stamp + body))
		signature, err := ecdsa.SignASN1(rand.Reader, key, signed[:])
		if err != nil {
			t.Fatal(err)
		}
		declared, err := x509.ParsePKIXPublicKey(s.GetKeys()[i])
		if err != nil {
			t.Fatal(err)
		}
		if !ecdsa.VerifyASN1(declared.(*ecdsa.PublicKey), sum[:], signature) {
			t.Errorf("key %d does not verify what it signed", i)
		}
	}
}

func TestConfigureRefuses(t *testing.T) {
	t.Parallel()
	good := public(t, &generate(t, elliptic.P256()).PublicKey)
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	client := connect(t)
	for _, c := range []struct {
		name string
		args map[string]any
		path string // empty: accepted
	}{
		{"good", map[string]any{"public_key": good}, ""},
		{"empty", map[string]any{"public_key": ""}, "public_key"},
		{"not base64", map[string]any{"public_key": "%%%"}, "public_key"},
		{"not a key", map[string]any{"public_key": "aGVsbG8="}, "public_key"},
		{"cut short", map[string]any{"public_key": good[:40]}, "public_key"},
		{"PEM", map[string]any{"public_key": "-----BEGIN PUBLIC KEY-----\n" + good + "\n-----END PUBLIC KEY-----"}, "public_key"},
		{"another curve", map[string]any{"public_key": public(t, &generate(t, elliptic.P384()).PublicKey)}, "public_key"},
		{"another algorithm", map[string]any{"public_key": public(t, edwards)}, "public_key"},
		{"a bad previous key", map[string]any{"public_key": good, "previous_public_keys": []string{good, "x"}}, "previous_public_keys.1"},
		{"a negative age", map[string]any{"public_key": good, "max_age": "-1s"}, "max_age"},
	} {
		config, err := json.Marshal(c.args)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.ConfigureSource(t.Context(), configureRequest(config))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var paths []string
		for _, d := range resp.Diagnostics {
			paths = append(paths, d.Path)
			if d.Detail == "" {
				t.Errorf("%s: no advice in %v", c.name, d)
			}
		}
		if got := strings.Join(paths, " "); got != c.path {
			t.Errorf("%s: findings at %q, want %q", c.name, got, c.path)
		}
	}
}
