package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

const standardSecret = "c2VjcmV0LW9mLXRoZS10ZXN0" // base64 of the key below
const standardText = "secret-of-the-test"

func standardRequest(set, id, stamp, signature string) *Request {
	return post("body", set+"-Id", id, set+"-Timestamp", stamp, set+"-Signature", signature)
}

func TestStandardWebhooks(t *testing.T) {
	t.Parallel()
	v := compiled(t, sdk.StandardWebhooks{Secrets: []string{"whsec_" + standardSecret}})
	const now = "1735732800"
	sign := func(id, stamp string) string { return "v1," + b64256(standardText, id+"."+stamp+".body") }
	good, bad := sign("msg_1", now), sign("msg_2", now)
	for _, c := range []struct {
		id, stamp, signature string
		want                 reason
	}{
		{"msg_1", now, good, ""},
		{"msg_1", now, strings.TrimRight(good, "="), ""},
		{"msg_1", now, bad + " " + good, ""},
		{"msg_1", now, "  " + bad + "   " + good + " ", ""},
		{"msg_1", now, "v2,abc v1 v1, v1,%% ,x v1a," + good[3:] + " " + good, ""},
		{"msg_1", now, strings.Repeat(bad+" ", 15) + good, ""},
		{"msg_1", now, strings.Repeat(bad+" ", 16) + good, badSignature},
		{"msg_1", now, strings.Repeat("v2,x ", 16) + good, malformedSignature},
		{"msg_1", now, strings.Repeat(bad+" ", 1000) + good, badSignature},
		{"msg_1", now, bad, badSignature},
		{"msg_1", now, "v1,", malformedSignature},
		{"msg_1", now, "v1", malformedSignature},
		{"msg_1", now, good[3:], malformedSignature},
		{"msg_1", now, "v2" + good[2:], malformedSignature},
		{"msg_1", now, "V1" + good[2:], malformedSignature},
		{"msg_1", now, "v1a" + good[2:], malformedSignature},
		{"msg_1", now, good[:40], malformedSignature},
		{"msg_1", now, good + "=", malformedSignature},
		{"msg_1", now, good + "\n", malformedSignature},
		{"msg_1", now, good + "," + good, malformedSignature},
		{"msg_1", now, "v1," + hex256(standardText, "msg_1."+now+".body"), malformedSignature},
		{"msg_1", now, " ", missingSignature},
		{"msg_1", now, "", missingSignature},
		{"", now, sign("", now), missingSignature},
		{"msg_1", "", sign("msg_1", ""), missingSignature},
		{"msg.1", now, sign("msg.1", now), malformedID},
		{"msg_1", "1735732500", sign("msg_1", "1735732500"), ""},
		{"msg_1", "1735732499", sign("msg_1", "1735732499"), stale},
		{"msg_1", "1735733100", sign("msg_1", "1735733100"), ""},
		{"msg_1", "1735733101", sign("msg_1", "1735733101"), stale},
		{"msg_1", "01735732800", sign("msg_1", "01735732800"), malformedTime},
		{"msg_1", "1735732800.0", sign("msg_1", "1735732800.0"), malformedTime},
		{"msg_1", "+1735732800", sign("msg_1", "+1735732800"), malformedTime},
		{"msg_1", "-1", sign("msg_1", "-1"), malformedTime},
		{"msg_1", "9999999999999999999", sign("msg_1", "9999999999999999999"), malformedTime},
	} {
		for _, set := range []string{"Webhook", "Svix"} {
			check(t, set+" "+c.id+" "+c.stamp+" "+c.signature[:min(60, len(c.signature))], v, standardRequest(set, c.id, c.stamp, c.signature), c.want)
		}
	}
	r := standardRequest("Webhook", "msg_1", now, good)
	r.Body = []byte("bodz")
	check(t, "other body", v, r, badSignature)
	for _, h := range []string{"Id", "Timestamp", "Signature"} {
		r := standardRequest("Svix", "msg_1", now, good)
		r.Header.Add("Svix-"+h, r.Header.Get("Svix-"+h))
		check(t, "repeated Svix "+h, v, r, repeatedHeader)
		r = standardRequest("Webhook", "msg_1", now, good)
		r.Header.Add("Webhook-"+h, r.Header.Get("Webhook-"+h))
		check(t, "repeated "+h, v, r, repeatedHeader)
		r = standardRequest("Webhook", "msg_1", now, good)
		r.Header.Del("Webhook-" + h)
		check(t, "absent "+h, v, r, missingSignature)
		r.Header.Set("Svix-"+h, standardRequest("Svix", "msg_1", now, good).Header.Get("Svix-"+h))
		check(t, "complete in no set "+h, v, r, missingSignature)
	}
}

// A plugin that does not say how old a request may be gets the scheme's default.
func TestStandardWebhooksDefaultAge(t *testing.T) {
	t.Parallel()
	v, err := Compile(&wire.Auth{Scheme: &wire.Auth_StandardWebhooks{StandardWebhooks: &wire.StandardWebhooks{Secrets: []string{standardSecret}}}})
	if err != nil {
		t.Fatal(err)
	}
	for stamp, want := range map[string]reason{"1735732500": "", "1735732499": stale, "1735733101": stale} {
		check(t, stamp, v, standardRequest("Svix", "msg_1", stamp, "v1,"+b64256(standardText, "msg_1."+stamp+".body")), want)
	}
}

// An id that is not signed must not stand beside the one that is.
func TestStandardWebhooksBothSets(t *testing.T) {
	t.Parallel()
	v := compiled(t, sdk.StandardWebhooks{Secrets: []string{standardSecret}})
	good := "v1," + b64256(standardText, "msg_1.1735732800.body")
	both := func() *Request {
		r := standardRequest("Webhook", "msg_1", "1735732800", good)
		for k, x := range standardRequest("Svix", "msg_1", "1735732800", good).Header {
			r.Header[k] = x
		}
		return r
	}
	check(t, "the same", v, both(), "")
	for _, name := range []string{"Webhook-Id", "Svix-Id", "Webhook-Timestamp", "Svix-Timestamp", "Webhook-Signature", "Svix-Signature"} {
		r := both()
		r.Header.Set(name, "other")
		check(t, name, v, r, conflictingHeaders)
	}
	r := standardRequest("Svix", "msg_1", "1735732800", good)
	r.Header.Set("Webhook-Id", "msg_2")
	check(t, "one header of the other set", v, r, conflictingHeaders)
}

func TestStandardWebhooksEd25519(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	v := compiled(t, sdk.StandardWebhooks{
		Secrets: []string{"whsec_" + standardSecret, "whpk_" + base64.StdEncoding.EncodeToString(public)},
		MaxAge:  time.Minute,
	})
	sig := ed25519.Sign(private, []byte("msg_1.1735732800.body"))
	good := "v1a," + base64.StdEncoding.EncodeToString(sig)
	req := func(signature string) *Request { return standardRequest("Webhook", "msg_1", "1735732800", signature) }
	for name, list := range map[string]string{
		"alone":        good,
		"beside a bad": "v1," + b64256("other", "x") + " " + good,
	} {
		if got, want := v.Verify(req(list), clock), (Result{OK: true, Key: 1}); got != want {
			t.Errorf("%s: Verify = %+v, want %+v", name, got, want)
		}
	}
	check(t, "by the other secret", v, req("v1,"+b64256(standardText, "msg_1.1735732800.body")), "")
	check(t, "version of the other kind", v, req("v1"+good[3:]), malformedSignature)
	check(t, "v1 with the public key as the secret", v, req("v1,"+b64256(string(public), "msg_1.1735732800.body")), badSignature)
	for i := range sig {
		sig[i] ^= 0x10
		check(t, "flipped", v, req("v1a,"+base64.StdEncoding.EncodeToString(sig)), badSignature)
		sig[i] ^= 0x10
	}
	check(t, "own tolerance", v, standardRequest("Webhook", "msg_1", "1735732739", good), stale)
}
