package sdk

import (
	"time"

	"github.com/patchbay-io/patchbay/sdk/wire"
)

// Auth says, as data, how a request proves where it comes from. Core runs it on
// the raw request before it stores anything, so that receiving needs no plugin.
//
// The values are Signature (and HMAC, its common case), StandardWebhooks, Basic,
// Token, JWT, AnyOf, AllOf, NoAuth and Verified.
//
// Several fields are templates: text with variables in braces. A variable names
// a part of the request as received:
//
//	{method} {url} {path} {query}      url is the public URL, query included
//	{url.base}                         the URL without its query
//	{url.sha256} {url.sha256.hex}      the URL's digest
//	{body}                             the raw bytes
//	{body.sha256} {body.sha256.hex}    their digest
//	{header.NAME} {query.NAME}         a value; a repeated one is refused
//	{form.NAME} {json.PATH}            a decoded value of the body
//	{form.sorted}                      each form key followed by its values, sorted by key; repeated values once, sorted
//	{query.sorted}                     the query, keys sorted, encoded
//	{params.sorted}                    "?", the query as decoded k=v pairs joined by "&", "." and {form.sorted}, as far as there are any; sorted
//	{key}                              the key itself, for schemes that hash it with the text
//	{time}                             the text of the time of signing
//
// {key} and {time} stand in Signed alone. A brace that no letter, digit or
// underscore follows is text, so that a JSON answer can be a template. PATH is
// keys, or numbers in an array, joined by dots; it must lead to a string, a
// number or a boolean. If a text covers the body by its form alone, a body that
// is no form and not empty is refused, unless BodyDigest covers it.
type Auth interface {
	wireAuth() *wire.Auth
}

// WireAuth returns a in the form in which it travels to core; nil for nil.
func WireAuth(a Auth) *wire.Auth {
	if a == nil {
		return nil
	}
	return a.wireAuth()
}

// Hash names a hash function.
type Hash string

// The hash functions. MD5 and SHA1 are here for providers that know no better.
const (
	MD5    Hash = "md5"
	SHA1   Hash = "sha1"
	SHA256 Hash = "sha256"
	SHA384 Hash = "sha384"
	SHA512 Hash = "sha512"
)

// Encoding names how a signature is written as text.
type Encoding string

// The encodings. Hex is accepted in either case; Base64 with or without padding.
const (
	Hex       Encoding = "hex"
	Base64    Encoding = "base64"
	Base64URL Encoding = "base64url"
)

// Algorithm names how a signature is made.
type Algorithm string

// The algorithms.
const (
	AlgHMAC    Algorithm = "hmac"
	AlgDigest  Algorithm = "digest"  // a plain hash of a text that contains {key}
	AlgEd25519 Algorithm = "ed25519" // keys: 32 bytes
	AlgECDSA   Algorithm = "ecdsa"   // keys: SubjectPublicKeyInfo in DER; signatures in ASN.1
)

// HMAC is a keyed hash over a part of the request.
type HMAC struct {
	Header   string // the header that holds the signature
	Key      string // the shared secret, as text
	Keys     []string
	Hash     Hash
	Encoding Encoding
	// Prefix stands before each signature, e.g. "sha256=".
	Prefix string
	// Signed is the template of the text that was signed. Empty means {body}.
	Signed string
	// Time is the template of the time of signing. Empty: the scheme has none.
	Time string
	// MaxAge is the largest accepted distance between Time and now, in either
	// direction. Zero accepts any.
	MaxAge time.Duration
}

func (h HMAC) wireAuth() *wire.Auth {
	keys := make([][]byte, 0, 1+len(h.Keys))
	if h.Key != "" {
		keys = append(keys, []byte(h.Key))
	}
	for _, k := range h.Keys {
		keys = append(keys, []byte(k))
	}
	return Signature{
		Algorithm: AlgHMAC, Location: "{header." + h.Header + "}", Keys: keys, Hash: h.Hash, Encoding: h.Encoding,
		Prefix: h.Prefix, Signed: h.Signed, Time: h.Time, MaxAge: h.MaxAge,
	}.wireAuth()
}

// Signature is a signature over a part of the request, in full generality.
type Signature struct {
	Algorithm Algorithm
	Hash      Hash
	// Keys are tried in turn, which is how a secret is rotated. None, or an
	// empty one, is a configuration error.
	Keys [][]byte
	// Location is the template of the signature: one variable, e.g.
	// {header.X-Signature} or {json.signature.signature}.
	Location string
	Encoding Encoding
	Prefix   string
	// Separator splits Location into several signatures, any of which may
	// match, or into key=value items if Item is set. At most 16 are looked at.
	Separator string
	// Item is the key of a signature among key=value items, TimeItem that of
	// the time: Stripe's "t=…,v1=…" is Separator ",", Item "v1", TimeItem "t".
	// {time} in Signed is the time's text.
	Item, TimeItem string
	Signed         string
	Time           string
	// TimeUnit is "s", "ms" or "rfc3339". Empty means seconds.
	TimeUnit string
	MaxAge   time.Duration
	// PastOnly accepts times in the future, as some providers' own libraries do.
	PastOnly bool
	// TryPorts also tries {url} with the default port added or any port
	// removed, and with apostrophes escaped: Twilio signs either form.
	TryPorts bool
	// BodyDigest is a template of a hexadecimal SHA-256 of the body. It must
	// match whenever the body is not a form, because {form.sorted} covers none.
	BodyDigest string
}

func (s Signature) wireAuth() *wire.Auth {
	variants := ""
	if s.TryPorts {
		variants = "port"
	}
	signed := s.Signed
	if signed == "" {
		signed = "{body}"
	}
	return &wire.Auth{Scheme: &wire.Auth_Signature{Signature: &wire.Signature{
		Algorithm: string(s.Algorithm), Hash: string(s.Hash), Keys: s.Keys, Location: s.Location,
		Encoding: string(s.Encoding), Prefix: s.Prefix, Separator: s.Separator, Item: s.Item, Signed: signed,
		Time: s.Time, TimeItem: s.TimeItem, TimeUnit: s.TimeUnit, MaxAgeMs: s.MaxAge.Milliseconds(),
		PastOnly: s.PastOnly, UrlVariants: variants, BodyDigest: s.BodyDigest,
	}}}
}

// StandardWebhooks is the scheme of standardwebhooks.com, also sent by Svix:
// webhook-id, webhook-timestamp and webhook-signature, or the same with svix-.
type StandardWebhooks struct {
	// Secrets are whsec_ and base64, base64 alone, or whpk_ and base64 for an
	// Ed25519 public key. Any may have signed.
	Secrets []string
	// MaxAge is the largest accepted distance of the timestamp from now. Zero
	// means 5 minutes, the value of the scheme's reference libraries.
	MaxAge time.Duration
}

func (s StandardWebhooks) wireAuth() *wire.Auth {
	age := s.MaxAge
	if age == 0 {
		age = 5 * time.Minute
	}
	return &wire.Auth{Scheme: &wire.Auth_StandardWebhooks{StandardWebhooks: &wire.StandardWebhooks{
		Secrets: s.Secrets, MaxAgeMs: age.Milliseconds(),
	}}}
}

// Credential is a user and a password.
type Credential struct {
	User, Password string
}

// Basic is HTTP basic authentication with any of the credentials.
type Basic struct {
	Credentials []Credential
}

func (b Basic) wireAuth() *wire.Auth {
	w := &wire.Basic{}
	for _, c := range b.Credentials {
		w.Credentials = append(w.Credentials, &wire.Credential{User: c.User, Password: c.Password})
	}
	return &wire.Auth{Scheme: &wire.Auth_Basic{Basic: w}}
}

// Token is a secret that the request carries as it is: in a header, or in the
// query. Core keeps it out of what it stores.
type Token struct {
	Location string // {header.X-Token} or {query.token}
	Prefix   string // e.g. "Bearer "
	Values   []string
}

func (t Token) wireAuth() *wire.Auth {
	return &wire.Auth{Scheme: &wire.Auth_Token{Token: &wire.Token{Location: t.Location, Prefix: t.Prefix, Values: t.Values}}}
}

// JWT is a JSON Web Token signed with a shared secret. "none" is never accepted.
type JWT struct {
	Location   string
	Prefix     string
	Algorithms []string // HS256, HS384, HS512
	Keys       [][]byte
	// Claims maps a claim to the template of the text it must equal.
	Claims map[string]string
	// ClaimsIfBody is like Claims, for claims that must be absent if the body
	// is empty and present if it is not.
	ClaimsIfBody map[string]string
	MaxAge       time.Duration // by the claim iat; zero accepts any
	Leeway       time.Duration // for nbf and exp
}

func (j JWT) wireAuth() *wire.Auth {
	return &wire.Auth{Scheme: &wire.Auth_Jwt{Jwt: &wire.JWT{
		Location: j.Location, Prefix: j.Prefix, Algorithms: j.Algorithms, Keys: j.Keys, Claims: j.Claims,
		ClaimsIfBody: j.ClaimsIfBody, MaxAgeMs: j.MaxAge.Milliseconds(), LeewayMs: j.Leeway.Milliseconds(),
	}}}
}

// AnyOf accepts a request that one of the schemes accepts.
type AnyOf []Auth

func (a AnyOf) wireAuth() *wire.Auth {
	return &wire.Auth{Scheme: &wire.Auth_AnyOf{AnyOf: wireAuths(a)}}
}

// AllOf accepts a request that all of the schemes accept.
type AllOf []Auth

func (a AllOf) wireAuth() *wire.Auth {
	return &wire.Auth{Scheme: &wire.Auth_AllOf{AllOf: wireAuths(a)}}
}

func wireAuths(in []Auth) *wire.AuthList {
	out := &wire.AuthList{}
	for _, a := range in {
		out.Schemes = append(out.Schemes, a.wireAuth())
	}
	return out
}

// NoAuth accepts every request. Its events are marked as not authenticated and
// never touch consent; configuring it is a warning.
type NoAuth struct{}

func (NoAuth) wireAuth() *wire.Auth {
	return &wire.Auth{Scheme: &wire.Auth_None{None: &wire.NoAuth{}}}
}

// Verified leaves the decision to the source's own Verify method, for schemes
// that no data describes. Receiving then waits for the plugin.
type Verified struct{}

func (Verified) wireAuth() *wire.Auth {
	return &wire.Auth{Scheme: &wire.Auth_Verifier{Verifier: &wire.Verifier{}}}
}
