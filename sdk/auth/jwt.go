package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/patchbay-io/patchbay/sdk/wire"
)

// jwt is a compiled wire.JWT.
type jwt struct {
	place  place
	algs   []jwtAlgorithm
	claims []claim
	maxAge int64 // milliseconds, by iat; 0: any
	leeway int64 // milliseconds
	base64 encoding
	count  int // keys
}

// jwtAlgorithm is a declared algorithm with the keys made ready for it.
type jwtAlgorithm struct {
	name string
	macs []*mac
}

// claim must equal a text.
type claim struct {
	name   string
	want   *Template
	ifBody bool // must be absent if the body is empty
}

func (c *compiler) jwt(w *wire.JWT) (*jwt, error) {
	if err := checkKeys("keys", w.Keys); err != nil {
		return nil, err
	}
	j := &jwt{
		maxAge: w.MaxAgeMs, leeway: w.LeewayMs, count: len(w.Keys),
		base64: encoding{base64.RawURLEncoding.Strict()},
	}
	var err error
	if j.place, err = compilePlace(w.Location, w.Prefix); err != nil {
		return nil, err
	}
	if err := j.compileAlgorithms(w); err != nil {
		return nil, err
	}
	if err := j.compileClaims("claims", w.Claims, false); err != nil {
		return nil, err
	}
	if err := j.compileClaims("claims_if_body", w.ClaimsIfBody, true); err != nil {
		return nil, err
	}
	if err := checkAge("max_age", w.MaxAgeMs); err != nil {
		return nil, err
	}
	if err := checkAge("leeway", w.LeewayMs); err != nil {
		return nil, err
	}
	// A token that is not bound to the body opens the door to any body: it is a
	// secret for as long as it holds.
	if !slices.ContainsFunc(j.claims, func(x claim) bool { return x.want.has(varBody, varBodySum, varBodySumHex) }) {
		c.secret(j.place.location)
	}
	return j, nil
}

func (j *jwt) compileAlgorithms(w *wire.JWT) error {
	if len(w.Algorithms) == 0 {
		return errors.New("algorithms: none is given")
	}
	for _, name := range w.Algorithms {
		h, ok := jwtHash(name)
		if !ok {
			return fmt.Errorf("algorithms: %q is unknown: write HS256, HS384 or HS512", name)
		}
		if j.algorithm([]byte(name)) != nil {
			return fmt.Errorf("algorithms: %s stands twice", name)
		}
		a := jwtAlgorithm{name: name}
		for _, k := range w.Keys {
			a.macs = append(a.macs, newHMAC(h, k))
		}
		j.algs = append(j.algs, a)
	}
	return nil
}

func jwtHash(name string) (hashFunc, bool) {
	switch name {
	case "HS256":
		return hashSHA256(), true
	case "HS384":
		return hashSHA384(), true
	case "HS512":
		return hashSHA512(), true
	}
	return hashFunc{}, false
}

func (j *jwt) compileClaims(field string, claims map[string]string, ifBody bool) error {
	if len(claims) > maxParts {
		return fmt.Errorf("%s: more than %d", field, maxParts)
	}
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		t, err := compileTemplate(claims[name])
		if err == nil && t.has(varKey, varTime) {
			err = errors.New("{key} and {time} have a meaning in a signature's text alone")
		}
		if err == nil && name == "" {
			err = errors.New("the claim has no name")
		}
		if err != nil {
			return fmt.Errorf("%s[%q]: %w", field, name, err)
		}
		j.claims = append(j.claims, claim{name: name, want: t, ifBody: ifBody})
	}
	return nil
}

func (j *jwt) algorithm(name []byte) *jwtAlgorithm {
	for i := range j.algs {
		if string(name) == j.algs[i].name {
			return &j.algs[i]
		}
	}
	return nil
}

func (j *jwt) keys() int { return j.count }

func (j *jwt) verify(s *scope, now time.Time) (int, reason) {
	text, ok, why := j.place.text(s)
	if why != "" {
		return -1, why.or(missingToken)
	}
	last := bytes.LastIndexByte(text, '.')
	// The serialization has no padding; the decoder would pass over it.
	if !ok || bytes.Count(text, []byte{'.'}) != 2 || bytes.IndexByte(text, '=') >= 0 {
		return -1, malformedToken
	}
	header, payload, _ := bytes.Cut(text[:last], []byte{'.'})
	a, why := j.header(header)
	if why != "" {
		return -1, why
	}
	key, why := j.match(s, a, text[:last], text[last+1:])
	if why != "" {
		return -1, why
	}
	// Nothing of the payload is looked at before it is proven.
	claims, why := j.object(payload)
	if why != "" {
		return -1, why
	}
	if why := j.checkTimes(claims, now); why != "" {
		return -1, why
	}
	if why := j.checkClaims(s, claims); why != "" {
		return -1, why
	}
	return key, ""
}

// object decodes a part of the token, which must be a JSON object.
func (j *jwt) object(part []byte) ([]byte, reason) {
	doc, ok := j.base64.decode(nil, part, len(part))
	if !ok || !json.Valid(doc) {
		return nil, malformedToken
	}
	if doc = trimSpace(doc); doc[0] != '{' {
		return nil, malformedToken
	}
	return doc, ""
}

func (j *jwt) header(part []byte) (*jwtAlgorithm, reason) {
	doc, why := j.object(part)
	if why != "" {
		return nil, why
	}
	// Extensions that must be understood (RFC 7515, section 4.1.11): none is.
	if _, why := jsonMember(doc, "crit"); why != missingPart {
		return nil, malformedToken
	}
	name, why := jsonScalar(doc, []string{"alg"})
	if why != "" {
		return nil, malformedToken
	}
	a := j.algorithm(name)
	if a == nil {
		return nil, badAlgorithm
	}
	return a, ""
}

func (j *jwt) match(s *scope, a *jwtAlgorithm, signed, sig []byte) (int, reason) {
	size := a.macs[0].size
	s.resetSignatures()
	s.addSignature(j.base64, sig, size, size)
	if s.sigCount == 0 {
		return -1, malformedSignature
	}
	s.segs = append(s.segs[:0], signed)
	for i, m := range a.macs {
		if s.matches(m.sum(s.sum[:0], s.segs)) {
			return i, ""
		}
	}
	return -1, badSignature
}

func (j *jwt) checkTimes(claims []byte, now time.Time) reason {
	ms := now.UnixMilli()
	exp, has, why := jwtTime(claims, "exp")
	if why != "" {
		return why
	}
	if has && ms >= exp+j.leeway {
		return stale
	}
	nbf, has, why := jwtTime(claims, "nbf")
	if why != "" {
		return why
	}
	if has && ms+j.leeway < nbf {
		return stale
	}
	if j.maxAge == 0 {
		return ""
	}
	iat, has, why := jwtTime(claims, "iat")
	if why != "" {
		return why
	}
	if !has {
		return missingTime
	}
	if !(window{maxAge: j.maxAge}).holds(iat, now) {
		return stale
	}
	return ""
}

// jwtTime returns the milliseconds of a NumericDate. A fraction of a second is
// cut off.
func jwtTime(claims []byte, name string) (at int64, has bool, why reason) {
	raw, why := jsonMember(claims, name)
	switch {
	case why == missingPart:
		return 0, false, ""
	case why != "":
		return 0, false, malformedToken
	}
	whole, fraction, _ := bytes.Cut(raw, []byte{'.'})
	at, ok := seconds.parse(whole)
	if !ok || bytes.ContainsAny(fraction, "eE") {
		return 0, false, malformedTime
	}
	return at, true, ""
}

func (j *jwt) checkClaims(s *scope, claims []byte) reason {
	for i := range j.claims {
		x := &j.claims[i]
		if x.ifBody && len(s.r.Body) == 0 {
			if _, why := jsonMember(claims, x.name); why != missingPart {
				return badClaim
			}
			continue
		}
		want, why := s.text(x.want)
		if why != "" {
			return why
		}
		if got, why := jsonScalar(claims, []string{x.name}); why != "" || !bytes.Equal(got, want) {
			return badClaim
		}
	}
	return ""
}
