package auth

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/sdk/wire"
)

// secrets are texts of which a request must carry one as it is. Their digests
// are kept and compared, so that neither the time it takes nor a dump of memory
// says anything about a text or its length.
type secrets [][sha256.Size]byte

// match returns the place of text. It looks at all of them each time.
func (x secrets) match(text []byte) (int, bool) {
	got := sha256.Sum256(text)
	at := -1
	for i := range x {
		if subtle.ConstantTimeCompare(got[:], x[i][:]) == 1 && at < 0 {
			at = i
		}
	}
	return at, at >= 0
}

// basic is a compiled wire.Basic.
type basic struct {
	secrets secrets // of user:password
	base64  encoding
}

const authorization = "Authorization"

func (c *compiler) basic(w *wire.Basic) (*basic, error) {
	if len(w.Credentials) == 0 {
		return nil, errors.New("credentials: none is given")
	}
	if len(w.Credentials) > maxKeys {
		return nil, fmt.Errorf("credentials: more than %d", maxKeys)
	}
	b := &basic{base64: standardBase64()}
	for i, x := range w.Credentials {
		if x.GetPassword() == "" {
			return nil, fmt.Errorf("credentials[%d]: the password is empty", i)
		}
		if strings.Contains(x.User, ":") {
			return nil, fmt.Errorf("credentials[%d]: the user contains a colon, which ends it", i)
		}
		b.secrets = append(b.secrets, sha256.Sum256([]byte(x.User+":"+x.Password)))
	}
	c.headers = append(c.headers, authorization)
	return b, nil
}

func (b *basic) keys() int { return len(b.secrets) }

func (b *basic) verify(s *scope, _ time.Time) (int, reason) {
	value, why := s.header(authorization)
	if why != "" {
		return -1, why.or(missingCredentials)
	}
	text, ok := cutPrefix(s.keep(value), []byte("Basic "), true)
	if !ok {
		return -1, badCredentials
	}
	pair, ok := b.base64.decode(nil, bytes.TrimLeft(text, " "), len(text))
	if !ok {
		return -1, badCredentials
	}
	if key, ok := b.secrets.match(pair); ok {
		return key, ""
	}
	return -1, badCredentials
}

// token is a compiled wire.Token.
type token struct {
	place   place
	secrets secrets
}

func (c *compiler) token(w *wire.Token) (*token, error) {
	if err := checkKeys("values", w.Values); err != nil {
		return nil, err
	}
	p, err := compilePlace(w.Location, w.Prefix)
	if err != nil {
		return nil, err
	}
	// A secret elsewhere would be stored with the body.
	if !p.location.has(varHeader, varQueryValue) {
		return nil, errors.New("location: must be {header.NAME} or {query.NAME}")
	}
	c.secret(p.location)
	t := &token{place: p}
	for _, v := range w.Values {
		t.secrets = append(t.secrets, sha256.Sum256([]byte(v)))
	}
	return t, nil
}

func (t *token) keys() int { return len(t.secrets) }

func (t *token) verify(s *scope, _ time.Time) (int, reason) {
	text, ok, why := t.place.text(s)
	if why != "" {
		return -1, why.or(missingCredentials)
	}
	if !ok {
		return -1, badCredentials
	}
	if key, ok := t.secrets.match(text); ok {
		return key, ""
	}
	return -1, badCredentials
}

// secret notes that what t reads must not be stored.
func (c *compiler) secret(t *Template) {
	headers, query := t.Reads()
	c.headers = append(c.headers, headers...)
	c.query = append(c.query, query...)
}

// place is where a request carries a token, and what stands before it.
type place struct {
	location *Template
	prefix   []byte
	fold     bool // the prefix is the name of an HTTP authentication scheme, which has no case
}

func compilePlace(location, prefix string) (place, error) {
	t, err := single(location)
	if err != nil {
		return place{}, fmt.Errorf("location: %w", err)
	}
	return place{location: t, prefix: []byte(prefix), fold: t.parts[0].name == authorization}, nil
}

// text returns the token without its prefix; ok is false if that is missing.
func (p *place) text(s *scope) (text []byte, ok bool, why reason) {
	text, why = s.text(p.location)
	if why != "" {
		return nil, false, why
	}
	text, ok = cutPrefix(text, p.prefix, p.fold)
	return text, ok, ""
}

func cutPrefix(text, prefix []byte, fold bool) ([]byte, bool) {
	if fold && len(text) >= len(prefix) && bytes.EqualFold(text[:len(prefix)], prefix) {
		return text[len(prefix):], true
	}
	return bytes.CutPrefix(text, prefix)
}

// EqualAny reports whether text is one of the secrets, in a time that says
// nothing about them. An empty text is no secret. The receiver guards handshakes
// with it.
func EqualAny(text string, values []string) bool {
	if text == "" {
		return false
	}
	x := make(secrets, len(values))
	for i, v := range values {
		x[i] = sha256.Sum256([]byte(v))
	}
	_, ok := x.match([]byte(text))
	return ok
}
