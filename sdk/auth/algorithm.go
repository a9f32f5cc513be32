package auth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
)

// algorithm proves a text by one of its keys.
type algorithm interface {
	// size returns the least and the largest size of a signature, in bytes.
	size() (least, most int)
	// verify tries each key on the signatures of s.
	verify(s *scope, signed *Template) (key int, why reason)
	keys() int
}

func compileAlgorithm(name, hash string, keys [][]byte) (algorithm, error) {
	if err := checkKeys("keys", keys); err != nil {
		return nil, err
	}
	switch name {
	case "hmac", "digest":
		h, err := compileHash(hash)
		if err != nil {
			return nil, err
		}
		if name == "digest" {
			a := &digestAlgorithm{mac: newDigest(h)}
			for _, k := range keys {
				a.secrets = append(a.secrets, bytes.Clone(k))
			}
			return a, nil
		}
		macs := make(hmacAlgorithm, 0, len(keys))
		for _, k := range keys {
			macs = append(macs, newHMAC(h, k))
		}
		return macs, nil
	case "ed25519":
		if hash != "" {
			return nil, errors.New("hash: ed25519 brings its own: leave it empty")
		}
		return compileEd25519(keys)
	case "ecdsa":
		return compileECDSA(hash, keys)
	}
	return nil, fmt.Errorf("algorithm: %q is unknown: write hmac, digest, ed25519 or ecdsa", name)
}

// matches reports whether one of the signatures is want. They have its length.
func (s *scope) matches(want []byte) bool {
	ok := 0
	for _, sig := range s.signatures() {
		ok |= subtle.ConstantTimeCompare(sig, want)
	}
	return ok == 1
}

type hmacAlgorithm []*mac

func (a hmacAlgorithm) size() (int, int) { return a[0].size, a[0].size }
func (a hmacAlgorithm) keys() int        { return len(a) }

func (a hmacAlgorithm) verify(s *scope, signed *Template) (int, reason) {
	segs, why := s.segments(signed)
	if why != "" {
		return -1, why
	}
	for i, m := range a {
		if s.matches(m.sum(s.sum[:0], segs)) {
			return i, ""
		}
	}
	return -1, badSignature
}

// digestAlgorithm is a plain hash of a text that contains the key.
type digestAlgorithm struct {
	mac     *mac
	secrets [][]byte
}

func (a *digestAlgorithm) size() (int, int) { return a.mac.size, a.mac.size }
func (a *digestAlgorithm) keys() int        { return len(a.secrets) }

func (a *digestAlgorithm) verify(s *scope, signed *Template) (int, reason) {
	for i, k := range a.secrets {
		s.key = k
		segs, why := s.segments(signed)
		if why != "" {
			return -1, why
		}
		if s.matches(a.mac.sum(s.sum[:0], segs)) {
			return i, ""
		}
	}
	return -1, badSignature
}

type ed25519Algorithm []ed25519.PublicKey

func compileEd25519(keys [][]byte) (algorithm, error) {
	a := make(ed25519Algorithm, 0, len(keys))
	for i, k := range keys {
		if len(k) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("keys[%d]: an ed25519 public key has %d bytes, not %d", i, ed25519.PublicKeySize, len(k))
		}
		a = append(a, ed25519.PublicKey(bytes.Clone(k)))
	}
	return a, nil
}

func (a ed25519Algorithm) size() (int, int) { return ed25519.SignatureSize, ed25519.SignatureSize }
func (a ed25519Algorithm) keys() int        { return len(a) }

func (a ed25519Algorithm) verify(s *scope, signed *Template) (int, reason) {
	text, why := s.text(signed)
	if why != "" {
		return -1, why
	}
	for i, k := range a {
		for _, sig := range s.signatures() {
			if ed25519.Verify(k, text, sig) {
				return i, ""
			}
		}
	}
	return -1, badSignature
}

type ecdsaAlgorithm struct {
	mac    *mac
	public []*ecdsa.PublicKey
}

func compileECDSA(hash string, keys [][]byte) (algorithm, error) {
	h, err := compileHash(hash)
	if err != nil {
		return nil, err
	}
	if h.name == "md5" || h.name == "sha1" {
		return nil, fmt.Errorf("hash: %s can be collided, which forges an ecdsa signature: write sha256, sha384 or sha512", h.name)
	}
	a := &ecdsaAlgorithm{mac: newDigest(h)}
	for i, k := range keys {
		// The parser's error is left out: it may quote what it was given.
		parsed, err := x509.ParsePKIXPublicKey(k)
		public, ok := parsed.(*ecdsa.PublicKey)
		if err != nil || !ok {
			return nil, fmt.Errorf("keys[%d]: is no ecdsa public key (SubjectPublicKeyInfo in DER)", i)
		}
		if c := public.Curve; c != elliptic.P256() && c != elliptic.P384() && c != elliptic.P521() {
			return nil, fmt.Errorf("keys[%d]: the curve is none of P-256, P-384 and P-521", i)
		}
		a.public = append(a.public, public)
	}
	return a, nil
}

// size is that of an ASN.1 pair of integers, of one byte or of P-521's size.
func (a *ecdsaAlgorithm) size() (int, int) { return 8, 141 }
func (a *ecdsaAlgorithm) keys() int        { return len(a.public) }

func (a *ecdsaAlgorithm) verify(s *scope, signed *Template) (int, reason) {
	segs, why := s.segments(signed)
	if why != "" {
		return -1, why
	}
	sum := a.mac.sum(s.sum[:0], segs)
	for i, k := range a.public {
		for _, sig := range s.signatures() {
			if ecdsa.VerifyASN1(k, sum, sig) {
				return i, ""
			}
		}
	}
	return -1, badSignature
}
