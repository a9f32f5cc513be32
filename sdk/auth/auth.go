package auth

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/patchbay-io/patchbay/sdk/wire"
)

// Request is what authentication sees: the request as received.
type Request struct {
	Method string
	URL    string      // the public URL, query included, exactly as the provider is thought to have signed it
	Header http.Header // canonical keys
	Body   []byte
}

// Result says what became of a request.
type Result struct {
	OK bool
	// Key is the place of the key that matched among the scheme's keys, from 0.
	// AnyOf numbers the keys of its schemes one after the other; AllOf tells the
	// key of its first scheme. It is -1 if no key matched.
	Key int
	// Reason is empty if OK and one of the words of reason.go otherwise. It is a
	// constant, fit for a metric's label.
	Reason string
}

// scheme is one compiled way to authenticate. verify returns the place of the
// key that matched, or the reason why none did.
type scheme interface {
	verify(s *scope, now time.Time) (key int, why reason)
	keys() int
}

// Verifier runs a compiled scheme. It may be used concurrently.
type Verifier struct {
	scheme   scheme // nil if open or external
	open     bool
	external bool
	headers  []string
	query    []string
	scopes   sync.Pool
}

// Compile turns a declared scheme into a Verifier. An error names the part of
// the scheme at fault, and never a secret.
func Compile(a *wire.Auth) (*Verifier, error) {
	v := &Verifier{scopes: sync.Pool{New: func() any { return new(scope) }}}
	switch a.GetScheme().(type) {
	case *wire.Auth_None:
		v.open = true
		return v, nil
	case *wire.Auth_Verifier:
		v.external = true
		return v, nil
	}
	c := compiler{}
	s, err := c.scheme(a, 0)
	if err != nil {
		return nil, fmt.Errorf("auth: compile: %w", err)
	}
	v.scheme, v.headers, v.query = s, sorted(c.headers), sorted(c.query)
	return v, nil
}

// Verify says whether r is genuine at now. It keeps no reference to r.
func (v *Verifier) Verify(r *Request, now time.Time) Result {
	if v.open {
		return Result{OK: true, Key: -1}
	}
	if v.external {
		return Result{Key: -1, Reason: string(external)}
	}
	s := v.scopes.Get().(*scope)
	s.open(r)
	key, why := v.scheme.verify(s, now)
	s.close()
	v.scopes.Put(s)
	if why != "" {
		return Result{Key: -1, Reason: string(why)}
	}
	return Result{OK: true, Key: key}
}

// External reports whether only the plugin can decide; Verify then refuses.
func (v *Verifier) External() bool { return v.external }

// Open reports whether every request is accepted, without being authenticated.
func (v *Verifier) Open() bool { return v.open }

// SecretHeaders returns the canonical names of the headers that carry a secret
// as it is. They must not be stored (I14).
func (v *Verifier) SecretHeaders() []string { return slices.Clone(v.headers) }

// SecretQuery returns the names of the query's parameters that carry a secret
// as it is. Their values must not be stored (I14).
func (v *Verifier) SecretQuery() []string { return slices.Clone(v.query) }

// The bounds of a configuration; it comes from a plugin, which may be at fault.
const (
	maxDepth   = 8
	maxSchemes = 32
	maxKeys    = 64
)

// compiler carries what is gathered over a tree of schemes.
type compiler struct {
	schemes int
	headers []string // that carry a secret
	query   []string
}

func (c *compiler) scheme(a *wire.Auth, depth int) (scheme, error) {
	if c.schemes++; c.schemes > maxSchemes {
		return nil, fmt.Errorf("more than %d schemes", maxSchemes)
	}
	switch w := a.GetScheme().(type) {
	case *wire.Auth_Signature:
		return within("signature", func() (scheme, error) { return compileSignature(w.Signature) })
	case *wire.Auth_StandardWebhooks:
		return within("standard_webhooks", func() (scheme, error) { return compileStandard(w.StandardWebhooks) })
	case *wire.Auth_Basic:
		return within("basic", func() (scheme, error) { return c.basic(w.Basic) })
	case *wire.Auth_Token:
		return within("token", func() (scheme, error) { return c.token(w.Token) })
	case *wire.Auth_Jwt:
		return within("jwt", func() (scheme, error) { return c.jwt(w.Jwt) })
	case *wire.Auth_AnyOf:
		list, err := c.list("any_of", w.AnyOf, depth)
		return anyOf(list), err
	case *wire.Auth_AllOf:
		list, err := c.list("all_of", w.AllOf, depth)
		return allOf(list), err
	case *wire.Auth_None:
		return nil, errors.New("none: must stand alone: next to another scheme it accepts everything or adds nothing")
	case *wire.Auth_Verifier:
		return nil, errors.New("verifier: must stand alone: the plugin's Verify sees the whole request and decides all of it")
	}
	return nil, errors.New("no scheme is set, or one that this version does not know")
}

// within puts the name of the scheme before the error of its compilation.
func within(name string, f func() (scheme, error)) (scheme, error) {
	s, err := f()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

func (c *compiler) list(name string, w *wire.AuthList, depth int) ([]scheme, error) {
	if len(w.GetSchemes()) == 0 {
		return nil, fmt.Errorf("%s: is empty", name)
	}
	if depth == maxDepth {
		return nil, fmt.Errorf("%s: nested deeper than %d", name, maxDepth)
	}
	out := make([]scheme, 0, len(w.Schemes))
	for i, a := range w.Schemes {
		s, err := c.scheme(a, depth+1)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", name, i, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// checkKeys refuses an empty list, an empty key and a list without end.
func checkKeys[T ~string | ~[]byte](name string, keys []T) error {
	if len(keys) == 0 {
		return fmt.Errorf("%s: none is given", name)
	}
	if len(keys) > maxKeys {
		return fmt.Errorf("%s: more than %d", name, maxKeys)
	}
	for i, k := range keys {
		if len(k) == 0 {
			return fmt.Errorf("%s[%d]: is empty", name, i)
		}
	}
	return nil
}

func checkAge(name string, ms int64) error {
	if ms < 0 {
		return fmt.Errorf("%s: is negative", name)
	}
	if ms > lastMillis { // sums with it must not overflow
		return fmt.Errorf("%s: is longer than any time can be", name)
	}
	return nil
}

// anyOf accepts what one of its schemes accepts.
type anyOf []scheme

func (a anyOf) verify(s *scope, now time.Time) (int, reason) {
	first, why := 0, reason("")
	for _, x := range a {
		key, w := x.verify(s, now)
		if w == "" {
			return first + key, ""
		}
		// Of several refusals, the most telling is that of a scheme whose
		// signature was there.
		if why == "" || why.missing() {
			why = w
		}
		first += x.keys()
	}
	return -1, why
}

func (a anyOf) keys() int {
	n := 0
	for _, x := range a {
		n += x.keys()
	}
	return n
}

// allOf accepts what all of its schemes accept.
type allOf []scheme

func (a allOf) verify(s *scope, now time.Time) (int, reason) {
	first := 0
	for i, x := range a {
		key, why := x.verify(s, now)
		if why != "" {
			return -1, why
		}
		if i == 0 {
			first = key
		}
	}
	return first, ""
}

func (a allOf) keys() int { return a[0].keys() }
