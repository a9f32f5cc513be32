package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

var jwt64 = base64.RawURLEncoding

// signJWT makes a token of texts that need not be JSON.
func signJWT(key string, h func() hash.Hash, header, claims string) string {
	text := jwt64.EncodeToString([]byte(header)) + "." + jwt64.EncodeToString([]byte(claims))
	m := hmac.New(h, []byte(key))
	m.Write([]byte(text))
	return text + "." + jwt64.EncodeToString(m.Sum(nil))
}

const hs256 = `{"alg":"HS256","typ":"JWT"}`

// vonage is the scheme of Vonage's Messages API.
func vonage(keys ...string) sdk.Auth {
	return sdk.JWT{
		Location: "{header.Authorization}", Prefix: "Bearer ", Algorithms: []string{"HS256", "HS512"}, Keys: byteKeys(keys),
		Claims:       map[string]string{"iss": "Vonage"},
		ClaimsIfBody: map[string]string{"payload_hash": "{body.sha256.hex}"},
		MaxAge:       5 * time.Minute, Leeway: 2 * time.Second,
	}
}

func bodyHash(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

func TestJWTClaims(t *testing.T) {
	t.Parallel()
	v := compiled(t, vonage("k", "old"))
	bound := `"payload_hash":"` + bodyHash("x") + `"`
	for _, c := range []struct {
		claims string
		want   reason
	}{
		{`{"iss":"Vonage","iat":1735732800,` + bound + `}`, ""},
		{` {"iss":"Von\u0061ge","iat":1735732800.5,` + bound + `,"exp":1735732799,"nbf":1735732802} `, ""},
		{`{"iss":"Vonage","iat":1735732500,` + bound + `}`, ""},
		{`{"iss":"Vonage","iat":1735733100,` + bound + `}`, ""},
		{`{"iss":"Vonage","iat":1735732499,` + bound + `}`, stale},
		{`{"iss":"Vonage","iat":1735733101,` + bound + `}`, stale},
		{`{"iss":"Vonage","iat":1735732800,"exp":1735732798,` + bound + `}`, stale},
		{`{"iss":"Vonage","iat":1735732800,"nbf":1735732803,` + bound + `}`, stale},
		{`{"iss":"Vonage",` + bound + `}`, missingTime},
		{`{"iss":"Vonage","iat":"1735732800",` + bound + `}`, malformedTime},
		{`{"iss":"Vonage","iat":-1,` + bound + `}`, malformedTime},
		{`{"iss":"Vonage","iat":1.735732800e9,` + bound + `}`, malformedTime},
		{`{"iss":"Vonage","iat":null,` + bound + `}`, malformedTime},
		{`{"iss":"Vonage","iat":1735732800,"exp":1e400,` + bound + `}`, malformedTime},
		{`{"iss":"Vonage","iat":1735732800,"exp":99999999999999999999,` + bound + `}`, malformedTime},
		{`{"iss":"Vonage","iat":1735732800,"nbf":"soon",` + bound + `}`, malformedTime},
		{`{"iss":"Vonage","iat":1735732800,"exp":1,"exp":1735739999,` + bound + `}`, malformedToken},
		{`{"iss":"Vonage","iat":1735732800,"iat":1735732800,` + bound + `}`, malformedToken},
		{`{"iss":"Other","iat":1735732800,` + bound + `}`, badClaim},
		{`{"iss":"Vonage ","iat":1735732800,` + bound + `}`, badClaim},
		{`{"iss":["Vonage"],"iat":1735732800,` + bound + `}`, badClaim},
		{`{"iss":"Vonage","iss":"Vonage","iat":1735732800,` + bound + `}`, badClaim},
		{`{"iat":1735732800,` + bound + `}`, badClaim},
		{`{"iss":"Vonage","iat":1735732800}`, badClaim},
		{`{"iss":"Vonage","iat":1735732800,"payload_hash":"` + bodyHash("y") + `"}`, badClaim},
		{`{"iss":"Vonage","iat":1735732800,"payload_hash":null}`, badClaim},
		{`["iss","Vonage"]`, malformedToken},
		{`"Vonage"`, malformedToken},
		{`{"iss":"Vonage"`, malformedToken},
		{``, malformedToken},
	} {
		for key, secret := range []string{"k", "old"} {
			r := post("x", "Authorization", "Bearer "+signJWT(secret, sha256.New, hs256, c.claims))
			check(t, c.claims, v, r, c.want)
			if got := v.Verify(r, clock); got.OK && got.Key != key {
				t.Errorf("signed with %s: Verify = %+v, want key %d", secret, got, key)
			}
		}
	}
	empty := `{"iss":"Vonage","iat":1735732800}`
	check(t, "no body", v, post("", "Authorization", "Bearer "+signJWT("k", sha256.New, hs256, empty)), "")
	gone := `{"iss":"Vonage","iat":1735732800,"payload_hash":"` + bodyHash("") + `"}`
	check(t, "no body, but its hash", v, post("", "Authorization", "Bearer "+signJWT("k", sha256.New, hs256, gone)), badClaim)
	gone = `{"iss":"Vonage","iat":1735732800,"payload_hash":null}`
	check(t, "no body, but null", v, post("", "Authorization", "Bearer "+signJWT("k", sha256.New, hs256, gone)), badClaim)
}

func TestJWTAlgorithm(t *testing.T) {
	t.Parallel()
	v := compiled(t, jwtWith(func(j *sdk.JWT) { j.Algorithms = []string{"HS256", "HS512"} }))
	unsigned := jwt64.EncodeToString([]byte(`{"alg":"none"}`)) + "." + jwt64.EncodeToString([]byte("{}")) + "."
	for name, c := range map[string]struct {
		token string
		want  reason
	}{
		"HS256":             {signJWT("k", sha256.New, `{"alg":"HS256"}`, "{}"), ""},
		"HS512":             {signJWT("k", sha512.New, `{"alg":"HS512","kid":"../../x","jwk":{"k":"AA"}}`, "{}"), ""},
		"not declared":      {signJWT("k", sha512.New384, `{"alg":"HS384"}`, "{}"), badAlgorithm},
		"none":              {unsigned, badAlgorithm},
		"none, signed":      {signJWT("k", sha256.New, `{"alg":"none"}`, "{}"), badAlgorithm},
		"None":              {signJWT("k", sha256.New, `{"alg":"None"}`, "{}"), badAlgorithm},
		"case":              {signJWT("k", sha256.New, `{"alg":"hs256"}`, "{}"), badAlgorithm},
		"RS256":             {signJWT("k", sha256.New, `{"alg":"RS256"}`, "{}"), badAlgorithm},
		"empty":             {signJWT("k", sha256.New, `{"alg":""}`, "{}"), badAlgorithm},
		"other than signed": {signJWT("k", sha256.New, `{"alg":"HS512"}`, "{}"), malformedSignature},
		"twice":             {signJWT("k", sha256.New, `{"alg":"HS256","alg":"HS256"}`, "{}"), malformedToken},
		"absent":            {signJWT("k", sha256.New, `{"typ":"JWT"}`, "{}"), malformedToken},
		"null":              {signJWT("k", sha256.New, `{"alg":null}`, "{}"), malformedToken},
		"list":              {signJWT("k", sha256.New, `{"alg":["HS256"]}`, "{}"), malformedToken},
		"critical":          {signJWT("k", sha256.New, `{"alg":"HS256","crit":["exp"]}`, "{}"), malformedToken},
		"no object":         {signJWT("k", sha256.New, `"HS256"`, "{}"), malformedToken},
		"no header":         {signJWT("k", sha256.New, ``, "{}"), malformedToken},
		"other key":         {signJWT("j", sha256.New, hs256, "{}"), badSignature},
	} {
		check(t, name, v, post("", "X-Token", c.token), c.want)
	}
}

func TestJWTForm(t *testing.T) {
	t.Parallel()
	v := compiled(t, vonage("k"))
	good := signJWT("k", sha256.New, hs256, `{"iss":"Vonage","iat":1735732800}`)
	head, sig := good[:strings.LastIndexByte(good, '.')], good[strings.LastIndexByte(good, '.')+1:]
	for _, c := range []struct {
		header string
		want   reason
	}{
		{"Bearer " + good, ""},
		{"bearer " + good, ""},
		{"Basic " + good, malformedToken},
		{good, malformedToken},
		{"Bearer", malformedToken},
		{"Bearer ", malformedToken},
		{"Bearer ..", malformedToken},
		{"Bearer asdf", malformedToken},
		{"Bearer " + head, malformedToken},
		{"Bearer " + good + ".", malformedToken},
		{"Bearer " + good + "=", malformedToken},
		{"Bearer " + good + "\n", malformedSignature},
		{"Bearer " + head + ".", malformedSignature},
		{"Bearer " + head + "." + sig[:len(sig)-4], malformedSignature},
		{"Bearer " + head + "." + sig + "AAAA", malformedSignature},
		{"Bearer " + head + "." + strings.Repeat("A", 43), badSignature},
		{"Bearer  " + good, malformedToken},
	} {
		check(t, c.header, v, post("", "Authorization", c.header), c.want)
	}
	check(t, "absent", v, post(""), missingToken)
	check(t, "repeated", v, post("", "Authorization", "Bearer "+good, "Authorization", "Bearer "+good), repeatedHeader)
	for i := range good {
		for _, c := range []byte("A._-9") {
			changed := []byte(good)
			changed[i] = c
			if got := v.Verify(post("", "Authorization", "Bearer "+string(changed)), clock); got.OK && string(changed) != good {
				t.Errorf("byte %d changed to %q: Verify = %+v, want a refusal", i, c, got)
			}
		}
	}
}

// Claims may come from anywhere in the request.
func TestJWTClaimTemplates(t *testing.T) {
	t.Parallel()
	v := compiled(t, jwtWith(func(j *sdk.JWT) {
		j.Location = "{query.jwt}"
		j.Claims = map[string]string{"m": "{method} {path}", "n": "{header.X-N}", "https://example.com/x": "1"}
	}))
	token := signJWT("k", sha256.New, hs256, `{"m":"GET /in","n":7,"https://example.com/x":"1"}`)
	r := &Request{Method: "GET", URL: "https://h/in?jwt=" + token, Header: headers("X-N", "7")}
	check(t, "right", v, r, "")
	r.Header.Set("X-N", "8")
	check(t, "other header", v, r, badClaim)
	r.Header.Del("X-N")
	check(t, "absent header", v, r, missingPart)
	if got, want := fmt.Sprint(v.SecretQuery()), "[jwt]"; got != want {
		t.Errorf("SecretQuery = %v, want %v", got, want)
	}
}
