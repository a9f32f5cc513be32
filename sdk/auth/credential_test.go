package auth

import (
	"crypto/elliptic"
	"encoding/base64"
	"reflect"
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
)

func TestBasic(t *testing.T) {
	t.Parallel()
	v := compiled(t, sdk.Basic{Credentials: []sdk.Credential{{User: "u", Password: "p:q"}, {User: "", Password: "token"}}})
	enc := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, c := range []struct {
		header string
		want   reason
	}{
		{"Basic " + enc("u:p:q"), ""},
		{"basic " + enc("u:p:q"), ""},
		{"BASIC   " + enc("u:p:q"), ""},
		{"Basic " + base64.RawStdEncoding.EncodeToString([]byte("u:p:q")), ""},
		{"Basic " + enc(":token"), ""},
		{"Basic " + enc("u:p:"), badCredentials},
		{"Basic " + enc("u:p:qq"), badCredentials},
		{"Basic " + enc("u:"), badCredentials},
		{"Basic " + enc("U:p:q"), badCredentials},
		{"Basic " + enc("u:token"), badCredentials},
		{"Basic " + enc("up:q"), badCredentials},
		{"Basic " + enc(""), badCredentials},
		{"Basic u:p:q", badCredentials},
		{"Basic " + enc("u:p:q") + "\n", badCredentials},
		{"Basic", badCredentials},
		{"", badCredentials},
		{"Bearer " + enc("u:p:q"), badCredentials},
		{enc("u:p:q"), badCredentials},
	} {
		check(t, c.header, v, post("", "Authorization", c.header), c.want)
	}
	check(t, "absent", v, post(""), missingCredentials)
	good := "Basic " + enc(":token")
	check(t, "repeated", v, post("", "Authorization", good, "Authorization", good), repeatedHeader)
	if got := v.Verify(post("", "Authorization", good), clock); got.Key != 1 {
		t.Errorf("Verify = %+v, want key 1", got)
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	bearer := compiled(t, sdk.Token{Location: "{header.authorization}", Prefix: "Bearer ", Values: []string{"one", "two"}})
	check(t, "right", bearer, post("", "Authorization", "Bearer one"), "")
	check(t, "scheme without case", bearer, post("", "Authorization", "bearer two"), "")
	check(t, "wrong", bearer, post("", "Authorization", "Bearer on"), badCredentials)
	check(t, "longer", bearer, post("", "Authorization", "Bearer one "), badCredentials)
	check(t, "case", bearer, post("", "Authorization", "Bearer One"), badCredentials)
	check(t, "no prefix", bearer, post("", "Authorization", "one"), badCredentials)
	check(t, "empty", bearer, post("", "Authorization", "Bearer "), badCredentials)
	check(t, "absent", bearer, post(""), missingCredentials)
	check(t, "repeated", bearer, post("", "Authorization", "Bearer one", "Authorization", "Bearer one"), repeatedHeader)
	if got := bearer.Verify(post("", "Authorization", "Bearer two"), clock); got.Key != 1 {
		t.Errorf("Verify = %+v, want key 1", got)
	}

	header := compiled(t, sdk.Token{Location: "{header.X-Telegram-Bot-Api-Secret-Token}", Prefix: "k:", Values: []string{"s"}})
	check(t, "header", header, post("", "X-Telegram-Bot-Api-Secret-Token", "k:s"), "")
	check(t, "prefix with case", header, post("", "X-Telegram-Bot-Api-Secret-Token", "K:s"), badCredentials)

	query := compiled(t, sdk.Token{Location: "{query.token}", Values: []string{"s/1"}})
	at := func(q string) *Request { return &Request{URL: "https://h/in?" + q} }
	check(t, "query", query, at("a=1&token=s%2F1"), "")
	check(t, "wrong", query, at("token=s"), badCredentials)
	check(t, "empty", query, at("token="), badCredentials)
	check(t, "absent", query, at("tokens=s/1"), missingCredentials)
	check(t, "repeated", query, at("token=s/1&token=s/1"), repeatedParameter)
	check(t, "malformed", query, at("token=s/1&x=%"), malformedQuery)
}

// I14: what carries a secret is named, so that it is not stored.
func TestSecretPlaces(t *testing.T) {
	t.Parallel()
	basic := sdk.Basic{Credentials: []sdk.Credential{{User: "u", Password: "p"}}}
	unbound := jwtWith(func(j *sdk.JWT) { j.Claims = map[string]string{"iss": "x"} })
	bound := jwtWith(func(j *sdk.JWT) { j.ClaimsIfBody = map[string]string{"h": "{body.sha256.hex}"} })
	for _, c := range []struct {
		auth           sdk.Auth
		headers, query []string
	}{
		{basic, []string{"Authorization"}, nil},
		{sdk.Token{Location: "{header.x-token}", Values: []string{"v"}}, []string{"X-Token"}, nil},
		{sdk.Token{Location: "{query.token}", Values: []string{"v"}}, nil, []string{"token"}},
		{twilio("k"), nil, nil},
		{sdk.StandardWebhooks{Secrets: []string{standardSecret}}, nil, nil},
		{unbound, []string{"X-Token"}, nil},
		{bound, nil, nil},
		{sdk.NoAuth{}, nil, nil},
		{sdk.Verified{}, nil, nil},
		{
			sdk.AnyOf{basic, sdk.AllOf{basic, sdk.Token{Location: "{query.b}", Values: []string{"v"}}}, sdk.Token{Location: "{query.a}", Values: []string{"v"}}},
			[]string{"Authorization"},
			[]string{"a", "b"},
		},
	} {
		v := compiled(t, c.auth)
		if got := v.SecretHeaders(); !reflect.DeepEqual(got, c.headers) {
			t.Errorf("%T: SecretHeaders = %q, want %q", c.auth, got, c.headers)
		}
		if got := v.SecretQuery(); !reflect.DeepEqual(got, c.query) {
			t.Errorf("%T: SecretQuery = %q, want %q", c.auth, got, c.query)
		}
	}
}

func TestCombinations(t *testing.T) {
	t.Parallel()
	token := func(name string, values ...string) sdk.Auth {
		return sdk.Token{Location: "{header." + name + "}", Values: values}
	}
	mac := sdk.HMAC{Header: "X-Sign", Key: "k", Keys: []string{"l"}, Hash: sdk.SHA256, Encoding: sdk.Hex}
	anyOf := compiled(t, sdk.AnyOf{token("X-A", "1", "2"), mac, token("X-B", "3")})
	for _, c := range []struct {
		name string
		r    *Request
		want Result
	}{
		{"first", post("x", "X-A", "2"), Result{OK: true, Key: 1}},
		{"second", post("x", "X-Sign", hex256("l", "x")), Result{OK: true, Key: 3}},
		{"third", post("x", "X-B", "3"), Result{OK: true, Key: 4}},
		{"bad first, good third", post("x", "X-A", "9", "X-B", "3"), Result{OK: true, Key: 4}},
		{"nothing", post("x"), Result{Key: -1, Reason: "missing_credentials"}},
		{"bad second", post("x", "X-Sign", hex256("m", "x")), Result{Key: -1, Reason: "bad_signature"}},
	} {
		if got := anyOf.Verify(c.r, clock); got != c.want {
			t.Errorf("any of, %s: Verify = %+v, want %+v", c.name, got, c.want)
		}
	}
	allOf := compiled(t, sdk.AllOf{token("X-A", "1", "2"), mac})
	for _, c := range []struct {
		name string
		r    *Request
		want Result
	}{
		{"both", post("x", "X-A", "2", "X-Sign", hex256("k", "x")), Result{OK: true, Key: 1}},
		{"first alone", post("x", "X-A", "2"), Result{Key: -1, Reason: "missing_signature"}},
		{"second alone", post("x", "X-Sign", hex256("k", "x")), Result{Key: -1, Reason: "missing_credentials"}},
		{"second bad", post("x", "X-A", "2", "X-Sign", hex256("k", "y")), Result{Key: -1, Reason: "bad_signature"}},
	} {
		if got := allOf.Verify(c.r, clock); got != c.want {
			t.Errorf("all of, %s: Verify = %+v, want %+v", c.name, got, c.want)
		}
	}
	nested := compiled(t, sdk.AnyOf{sdk.AllOf{token("X-A", "1", "2"), mac}, token("X-B", "3")})
	deep := compiled(t, sdk.AnyOf{
		sdk.AnyOf{
			sdk.Basic{Credentials: []sdk.Credential{{User: "u", Password: "p"}}},
			sdk.StandardWebhooks{Secrets: []string{standardSecret, standardSecret}},
			vonage("a", "b"),
			hubspotV1("k"),
			sdk.Signature{Algorithm: sdk.AlgEd25519, Keys: [][]byte{make([]byte, 32)}, Location: "{header.X-E}", Encoding: sdk.Hex},
			signatureWith(func(s *sdk.Signature) { s.Algorithm, s.Keys = sdk.AlgECDSA, [][]byte{publicKey(t, elliptic.P256())} }),
		},
		token("X-B", "3"),
	})
	if got, want := deep.Verify(post("x", "X-B", "3"), clock), (Result{OK: true, Key: 8}); got != want {
		t.Errorf("deep: Verify = %+v, want %+v", got, want)
	}
	if got, want := nested.Verify(post("x", "X-B", "3"), clock), (Result{OK: true, Key: 2}); got != want {
		t.Errorf("nested: Verify = %+v, want %+v", got, want)
	}
}

func TestOpenAndExternal(t *testing.T) {
	t.Parallel()
	open, external, other := compiled(t, sdk.NoAuth{}), compiled(t, sdk.Verified{}), compiled(t, twilio("k"))
	if !open.Open() || open.External() || external.Open() || !external.External() || other.Open() || other.External() {
		t.Errorf("Open = %v, %v, %v and External = %v, %v, %v; want true, false, false and false, true, false",
			open.Open(), external.Open(), other.Open(), open.External(), external.External(), other.External())
	}
	if got, want := open.Verify(post(""), clock), (Result{OK: true, Key: -1}); got != want {
		t.Errorf("open: Verify = %+v, want %+v", got, want)
	}
	if got, want := external.Verify(post(""), clock), (Result{Key: -1, Reason: "external"}); got != want {
		t.Errorf("external: Verify = %+v, want %+v", got, want)
	}
}

func TestEqualAny(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text   string
		values []string
		want   bool
	}{
		{"b", []string{"a", "b"}, true},
		{"a", []string{"a", "a"}, true},
		{"ab", []string{"a", "b"}, false},
		{"a", nil, false},
		{"", []string{""}, false},
	} {
		if got := EqualAny(c.text, c.values); got != c.want {
			t.Errorf("EqualAny(%q, %q) = %v, want %v", c.text, c.values, got, c.want)
		}
	}
}
