package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

// signature with its fields changed by f.
func signatureWith(f func(*sdk.Signature)) sdk.Auth {
	s := sdk.Signature{
		Algorithm: sdk.AlgHMAC, Hash: sdk.SHA256, Keys: [][]byte{[]byte("k")}, Location: "{header.X-Sign}", Encoding: sdk.Hex,
	}
	f(&s)
	return s
}

func jwtWith(f func(*sdk.JWT)) sdk.Auth {
	j := sdk.JWT{Location: "{header.X-Token}", Algorithms: []string{"HS256"}, Keys: [][]byte{[]byte("k")}}
	f(&j)
	return j
}

func publicKey(t *testing.T, c elliptic.Curve) []byte {
	t.Helper()
	private, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestCompileErrors(t *testing.T) {
	t.Parallel()
	p224 := publicKey(t, elliptic.P224())
	deep := sdk.Auth(sdk.HMAC{})
	for range 10 {
		deep = sdk.AnyOf{deep}
	}
	many := sdk.AnyOf{}
	for range maxSchemes {
		many = append(many, sdk.Token{Location: "{header.A}", Values: []string{"x"}})
	}
	for _, c := range []struct {
		auth sdk.Auth
		want string
	}{
		{nil, "no scheme is set"},
		{signatureWith(func(s *sdk.Signature) { s.Algorithm = "rsa" }), `signature: algorithm: "rsa" is unknown`},
		{signatureWith(func(s *sdk.Signature) { s.Hash = "crc32" }), `signature: hash: "crc32" is unknown`},
		{signatureWith(func(s *sdk.Signature) { s.Hash = "" }), `signature: hash: "" is unknown`},
		{signatureWith(func(s *sdk.Signature) { s.Keys = nil }), "signature: keys: none is given"},
		{signatureWith(func(s *sdk.Signature) { s.Keys = [][]byte{[]byte("a"), {}} }), "signature: keys[1]: is empty"},
		{signatureWith(func(s *sdk.Signature) { s.Keys = make([][]byte, 65) }), "signature: keys: more than 64"},
		{signatureWith(func(s *sdk.Signature) { s.Encoding = "" }), `signature: encoding: "" is unknown`},
		{signatureWith(func(s *sdk.Signature) { s.Encoding = "base32" }), `signature: encoding: "base32" is unknown`},
		{signatureWith(func(s *sdk.Signature) { s.Location = "" }), "signature: location: must be one variable"},
		{signatureWith(func(s *sdk.Signature) { s.Location = "X-Sign" }), "signature: location: must be one variable"},
		{signatureWith(func(s *sdk.Signature) { s.Location = "v1={header.X}" }), "signature: location: must be one variable"},
		{signatureWith(func(s *sdk.Signature) { s.Location = "{body}" }), "signature: location: must be one variable"},
		{signatureWith(func(s *sdk.Signature) { s.Location = "{sig}" }), "signature: location: unknown variable {sig}"},
		{signatureWith(func(s *sdk.Signature) { s.Item = "v1" }), "signature: item: needs a separator"},
		{signatureWith(func(s *sdk.Signature) { s.Separator, s.TimeItem = ",", "t" }), "signature: time_item: needs an item"},
		{signatureWith(func(s *sdk.Signature) { s.Separator, s.Item, s.TimeItem = ",", "t", "t" }), "signature: time_item: is the same"},
		{signatureWith(func(s *sdk.Signature) { s.Separator, s.Item, s.TimeItem, s.Time = ",", "v", "t", "{header.T}" }), "signature: time: stands beside"},
		{signatureWith(func(s *sdk.Signature) { s.Time = "now" }), "signature: time: must be one variable"},
		{signatureWith(func(s *sdk.Signature) { s.TimeUnit = "ns" }), `signature: time_unit: "ns" is unknown`},
		{signatureWith(func(s *sdk.Signature) { s.MaxAge = 1e9 }), "signature: max_age: needs time"},
		{signatureWith(func(s *sdk.Signature) { s.Time, s.MaxAge = "{header.T}", -1e9 }), "signature: max_age: is negative"},
		{signatureWith(func(s *sdk.Signature) { s.Signed = "v0" }), "signature: signed: names no part of the request"},
		{signatureWith(func(s *sdk.Signature) { s.Signed = "{boby}" }), "signature: signed: unknown variable {boby}"},
		{signatureWith(func(s *sdk.Signature) { s.Signed = "{key}{body}" }), "signature: signed: has {key}"},
		{signatureWith(func(s *sdk.Signature) { s.Signed = "{time}{body}" }), "signature: signed: has {time}"},
		{signatureWith(func(s *sdk.Signature) { s.Algorithm = sdk.AlgDigest }), "signature: signed: has no {key}"},
		{signatureWith(func(s *sdk.Signature) { s.Algorithm, s.Signed = sdk.AlgDigest, "{key}" }), "signature: signed: names no part"},
		{signatureWith(func(s *sdk.Signature) { s.TryPorts = true }), "signature: url_variants: needs {url}"},
		{signatureWith(func(s *sdk.Signature) { s.BodyDigest = "abc" }), "signature: body_digest: must be one variable"},
		{signatureWith(func(s *sdk.Signature) { s.Algorithm = sdk.AlgEd25519 }), "signature: hash: ed25519 brings its own"},
		{signatureWith(func(s *sdk.Signature) { s.Algorithm, s.Hash = sdk.AlgEd25519, "" }), "signature: keys[0]: an ed25519 public key has 32 bytes, not 1"},
		{signatureWith(func(s *sdk.Signature) { s.Algorithm = sdk.AlgECDSA }), "signature: keys[0]: is no ecdsa public key"},
		{signatureWith(func(s *sdk.Signature) { s.Algorithm, s.Hash = sdk.AlgECDSA, sdk.SHA1 }), "signature: hash: sha1 can be collided"},
		{signatureWith(func(s *sdk.Signature) { s.Algorithm, s.Hash = sdk.AlgECDSA, "" }), `signature: hash: "" is unknown`},
		{signatureWith(func(s *sdk.Signature) { s.Algorithm, s.Keys = sdk.AlgECDSA, [][]byte{p224} }), "signature: keys[0]: the curve"},
		{sdk.HMAC{Header: "X", Hash: sdk.SHA256, Encoding: sdk.Hex}, "signature: keys: none is given"},
		{sdk.HMAC{Header: "", Key: "k", Hash: sdk.SHA256, Encoding: sdk.Hex}, "signature: location: {header.}"},
		{sdk.StandardWebhooks{}, "standard_webhooks: secrets: none is given"},
		{sdk.StandardWebhooks{Secrets: []string{""}}, "standard_webhooks: secrets[0]: is empty"},
		{sdk.StandardWebhooks{Secrets: []string{"whsec_"}}, "standard_webhooks: secrets[0]: is not base64"},
		{sdk.StandardWebhooks{Secrets: []string{"whsec_MfKQ", "whsec_MfKQ%"}}, "standard_webhooks: secrets[1]: is not base64"},
		{sdk.StandardWebhooks{Secrets: []string{"whpk_MfKQ"}}, "standard_webhooks: secrets[0]: an ed25519 public key has 32 bytes, not 3"},
		{sdk.StandardWebhooks{Secrets: []string{"whsk_MfKQ"}}, "standard_webhooks: secrets[0]: is the private key"},
		{sdk.StandardWebhooks{Secrets: []string{"MfKQ"}, MaxAge: -1e9}, "standard_webhooks: max_age: is negative"},
		{sdk.Basic{}, "basic: credentials: none is given"},
		{sdk.Basic{Credentials: []sdk.Credential{{User: "u"}}}, "basic: credentials[0]: the password is empty"},
		{sdk.Basic{Credentials: []sdk.Credential{{User: "u:v", Password: "p"}}}, "basic: credentials[0]: the user contains a colon"},
		{sdk.Basic{Credentials: make([]sdk.Credential, 65)}, "basic: credentials: more than 64"},
		{sdk.Token{Location: "{header.X}"}, "token: values: none is given"},
		{sdk.Token{Location: "{header.X}", Values: []string{""}}, "token: values[0]: is empty"},
		{sdk.Token{Location: "{json.x}", Values: []string{"v"}}, "token: location: must be {header.NAME} or {query.NAME}"},
		{sdk.Token{Location: "token", Values: []string{"v"}}, "token: location: must be one variable"},
		{jwtWith(func(j *sdk.JWT) { j.Keys = nil }), "jwt: keys: none is given"},
		{jwtWith(func(j *sdk.JWT) { j.Keys = [][]byte{nil} }), "jwt: keys[0]: is empty"},
		{jwtWith(func(j *sdk.JWT) { j.Algorithms = nil }), "jwt: algorithms: none is given"},
		{jwtWith(func(j *sdk.JWT) { j.Algorithms = []string{"none"} }), `jwt: algorithms: "none" is unknown`},
		{jwtWith(func(j *sdk.JWT) { j.Algorithms = []string{"RS256"} }), `jwt: algorithms: "RS256" is unknown`},
		{jwtWith(func(j *sdk.JWT) { j.Algorithms = []string{"HS256", "HS256"} }), "jwt: algorithms: HS256 stands twice"},
		{jwtWith(func(j *sdk.JWT) { j.Location = "" }), "jwt: location: must be one variable"},
		{jwtWith(func(j *sdk.JWT) { j.Claims = map[string]string{"iss": "{x}"} }), `jwt: claims["iss"]: unknown variable {x}`},
		{jwtWith(func(j *sdk.JWT) { j.Claims = map[string]string{"": "x"} }), `jwt: claims[""]: the claim has no name`},
		{jwtWith(func(j *sdk.JWT) { j.ClaimsIfBody = map[string]string{"h": "{key}"} }), `jwt: claims_if_body["h"]: {key} and {time}`},
		{jwtWith(func(j *sdk.JWT) { j.MaxAge = -1e9 }), "jwt: max_age: is negative"},
		{jwtWith(func(j *sdk.JWT) { j.Leeway = -1e9 }), "jwt: leeway: is negative"},
		{sdk.AnyOf{}, "any_of: is empty"},
		{sdk.AllOf{}, "all_of: is empty"},
		{sdk.AnyOf{sdk.Token{Location: "{header.X}", Values: []string{"v"}}, sdk.NoAuth{}}, "any_of[1]: none: must stand alone"},
		{sdk.AllOf{sdk.Verified{}}, "all_of[0]: verifier: must stand alone"},
		{sdk.AllOf{sdk.AnyOf{sdk.Basic{}}}, "all_of[0]: any_of[0]: basic: credentials: none is given"},
		{deep, "nested deeper than 8"},
		{many, "more than 32 schemes"},
	} {
		_, err := Compile(sdk.WireAuth(c.auth))
		if err == nil || !strings.HasPrefix(err.Error(), "auth: compile: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Compile(%T) = %v, want an error with %q", c.auth, err, c.want)
		}
	}
	for name, a := range map[string]*wire.Auth{
		"empty":    {},
		"variants": {Scheme: &wire.Auth_Signature{Signature: &wire.Signature{Algorithm: "hmac", Hash: "md5", Keys: [][]byte{{1}}, Location: "{header.X}", Encoding: "hex", Signed: "{url}", UrlVariants: "all"}}},
		"signed":   {Scheme: &wire.Auth_Signature{Signature: &wire.Signature{Algorithm: "hmac", Hash: "md5", Keys: [][]byte{{1}}, Location: "{header.X}", Encoding: "hex"}}},
		"nil item": {Scheme: &wire.Auth_AnyOf{AnyOf: &wire.AuthList{Schemes: []*wire.Auth{nil}}}},
		"nil list": {Scheme: &wire.Auth_AllOf{}},
		"claims":   {Scheme: &wire.Auth_Jwt{Jwt: &wire.JWT{Keys: [][]byte{{1}}, Location: "{header.X}", Algorithms: []string{"HS256"}, Claims: manyClaims()}}},
		"leeway":   {Scheme: &wire.Auth_Jwt{Jwt: &wire.JWT{Keys: [][]byte{{1}}, Location: "{header.X}", Algorithms: []string{"HS256"}, LeewayMs: 1 << 62}}},
		"no user":  {Scheme: &wire.Auth_Basic{Basic: &wire.Basic{Credentials: []*wire.Credential{nil}}}},
	} {
		if v, err := Compile(a); err == nil {
			t.Errorf("Compile(%s) = %v, want an error", name, v)
		}
	}
}

func manyClaims() map[string]string {
	m := map[string]string{}
	for i := range 65 {
		m[strings.Repeat("x", i+1)] = ""
	}
	return m
}

// I14: no error quotes a secret.
func TestErrorsHideSecrets(t *testing.T) {
	t.Parallel()
	const canary = "canary%secret"
	for _, a := range []sdk.Auth{
		signatureWith(func(s *sdk.Signature) { s.Algorithm, s.Hash, s.Keys = sdk.AlgEd25519, "", [][]byte{[]byte(canary)} }),
		signatureWith(func(s *sdk.Signature) { s.Algorithm, s.Keys = sdk.AlgECDSA, [][]byte{[]byte(canary)} }),
		signatureWith(func(s *sdk.Signature) { s.Keys = [][]byte{[]byte(canary), nil} }),
		sdk.StandardWebhooks{Secrets: []string{"whsec_" + canary}},
		sdk.StandardWebhooks{Secrets: []string{"whsk_" + canary}},
		sdk.Basic{Credentials: []sdk.Credential{{User: canary + ":", Password: canary}}},
		sdk.Token{Location: "{json.x}", Values: []string{canary}},
		jwtWith(func(j *sdk.JWT) { j.Keys, j.Algorithms = [][]byte{[]byte(canary)}, []string{"x"} }),
	} {
		_, err := Compile(sdk.WireAuth(a))
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("Compile(%T) = %v, want an error without the secret", a, err)
		}
	}
}
