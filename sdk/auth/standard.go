package auth

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/sdk/wire"
)

// standardAge is the tolerance of the scheme's reference libraries, in
// milliseconds (standard-webhooks/standard-webhooks).
const standardAge = 5 * 60 * 1000

// standard is a compiled wire.StandardWebhooks: HMAC-SHA256 ("v1") or Ed25519
// ("v1a") over id, timestamp and body, joined by dots.
type standard struct {
	secrets []standardKey
	window  window
	base64  encoding
}

// standardKey has one of the two.
type standardKey struct {
	mac    *mac
	public ed25519.PublicKey
}

func compileStandard(w *wire.StandardWebhooks) (*standard, error) {
	if err := checkKeys("secrets", w.Secrets); err != nil {
		return nil, err
	}
	if err := checkAge("max_age", w.MaxAgeMs); err != nil {
		return nil, err
	}
	t := &standard{window: window{maxAge: w.MaxAgeMs}, base64: standardBase64()}
	if w.MaxAgeMs == 0 {
		t.window.maxAge = standardAge
	}
	for i, text := range w.Secrets {
		k, err := compileStandardKey(t.base64, text)
		if err != nil {
			return nil, fmt.Errorf("secrets[%d]: %w", i, err)
		}
		t.secrets = append(t.secrets, k)
	}
	return t, nil
}

func compileStandardKey(b64 encoding, text string) (standardKey, error) {
	if strings.HasPrefix(text, "whsk_") {
		return standardKey{}, errors.New("is the private key of the sender: write the public one, whpk_…")
	}
	text, public := strings.CutPrefix(text, "whpk_")
	if !public {
		text = strings.TrimPrefix(text, "whsec_")
	}
	key, ok := b64.decode(nil, []byte(text), maxTemplate)
	if !ok {
		return standardKey{}, errors.New("is not base64 behind its prefix (whsec_, whpk_ or none)")
	}
	if !public {
		return standardKey{mac: newHMAC(hashSHA256(), key)}, nil
	}
	if len(key) != ed25519.PublicKeySize {
		return standardKey{}, fmt.Errorf("an ed25519 public key has %d bytes, not %d", ed25519.PublicKeySize, len(key))
	}
	return standardKey{public: key}, nil
}

func (t *standard) keys() int { return len(t.secrets) }

func (t *standard) verify(s *scope, now time.Time) (int, reason) {
	h, why := s.standardHeaders()
	if why != "" {
		return -1, why
	}
	// The dot separates the parts of the text: an id with a dot could take the
	// timestamp's place.
	if strings.IndexByte(h.id, '.') >= 0 {
		return -1, malformedID
	}
	at, ok := seconds.parse(s.keep(h.stamp))
	if !ok {
		return -1, malformedTime
	}
	if !t.window.holds(at, now) {
		return -1, stale
	}
	if why := t.collect(s, s.keep(h.signature)); why != "" {
		return -1, why
	}
	return t.match(s, h)
}

// collect reads the list of signatures. What cannot be read is passed over: the
// list may contain versions yet to come.
func (t *standard) collect(s *scope, list []byte) reason {
	s.resetSignatures()
	for more := true; more; {
		var item []byte
		item, list, more = bytes.Cut(list, []byte{' '})
		if len(item) == 0 {
			continue
		}
		version, text, _ := bytes.Cut(item, []byte{','})
		switch string(version) {
		case "v1":
			s.addSignature(t.base64, text, hmacSize, hmacSize)
		case "v1a":
			s.addSignature(t.base64, text, ed25519.SignatureSize, ed25519.SignatureSize)
		default:
			s.skipSignature()
		}
	}
	return s.haveSignatures()
}

// hmacSize is the length of a v1 signature; that of a v1a one differs, so the
// length tells them apart once decoded.
const hmacSize = 32

func (t *standard) match(s *scope, h standardHeaders) (int, reason) {
	at := len(s.buf)
	s.buf = append(s.buf, h.id...)
	s.buf = append(s.buf, '.')
	s.buf = append(s.buf, h.stamp...)
	s.buf = append(s.buf, '.')
	s.segs = append(s.segs[:0], s.buf[at:len(s.buf):len(s.buf)], s.r.Body)
	for i, k := range t.secrets {
		if k.mac != nil {
			if s.matches(k.mac.sum(s.sum[:0], s.segs)) {
				return i, ""
			}
			continue
		}
		text := s.join(s.segs)
		for _, sig := range s.signatures() {
			if ed25519.Verify(k.public, text, sig) {
				return i, ""
			}
		}
	}
	return -1, badSignature
}

// standardHeaders are the three headers of the scheme.
type standardHeaders struct {
	id, stamp, signature string
}

// standardHeaders returns the headers of the scheme's own set or of Svix's. A
// request may carry both if they agree: else an unsigned id could stand beside
// the signed one, and dedup might believe it.
func (s *scope) standardHeaders() (standardHeaders, reason) {
	own, why := s.headerSet("Webhook-Id", "Webhook-Timestamp", "Webhook-Signature")
	if why != "" {
		return own, why
	}
	svix, why := s.headerSet("Svix-Id", "Svix-Timestamp", "Svix-Signature")
	if why != "" {
		return svix, why
	}
	if !own.complete() {
		own, svix = svix, own
	}
	if !own.complete() {
		return own, missingSignature
	}
	if differ(own.id, svix.id) || differ(own.stamp, svix.stamp) || differ(own.signature, svix.signature) {
		return own, conflictingHeaders
	}
	return own, ""
}

func (h standardHeaders) complete() bool {
	return h.id != "" && h.stamp != "" && h.signature != ""
}

func differ(used, other string) bool { return other != "" && other != used }

// headerSet returns the headers of one set; those that are absent are empty.
func (s *scope) headerSet(id, stamp, signature string) (h standardHeaders, why reason) {
	for _, f := range []struct {
		name string
		to   *string
	}{{id, &h.id}, {stamp, &h.stamp}, {signature, &h.signature}} {
		if *f.to, why = s.header(f.name); why != "" && why != missingPart {
			return h, why
		}
	}
	return h, ""
}
