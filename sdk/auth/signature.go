package auth

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/patchbay-io/patchbay/sdk/wire"
)

// signature is a compiled wire.Signature.
type signature struct {
	algorithm  algorithm
	location   *Template
	encoding   encoding
	prefix     []byte
	separator  []byte // empty: the location holds one signature
	item       string // key of the signature among the items, empty if there are no keys
	timeItem   string
	signed     *Template
	time       *Template // nil: none, or timeItem
	unit       timeUnit
	window     window
	tryPorts   bool
	bodyDigest *Template // nil: none
	formOnly   bool      // the text covers the body by its form alone
}

func compileSignature(w *wire.Signature) (*signature, error) {
	g := &signature{
		prefix: []byte(w.Prefix), separator: []byte(w.Separator), item: w.Item, timeItem: w.TimeItem,
		window: window{maxAge: w.MaxAgeMs, pastOnly: w.PastOnly},
	}
	var err error
	if g.algorithm, err = compileAlgorithm(w.Algorithm, w.Hash, w.Keys); err != nil {
		return nil, err
	}
	if g.encoding, err = compileEncoding(w.Encoding); err != nil {
		return nil, err
	}
	if g.location, err = single(w.Location); err != nil {
		return nil, fmt.Errorf("location: %w", err)
	}
	if err := g.compileItems(); err != nil {
		return nil, err
	}
	if err := g.compileTime(w); err != nil {
		return nil, err
	}
	if err := g.compileSigned(w); err != nil {
		return nil, err
	}
	return g, nil
}

func (g *signature) compileItems() error {
	if g.item != "" && len(g.separator) == 0 {
		return errors.New("item: needs a separator")
	}
	if g.timeItem != "" && g.item == "" {
		return errors.New("time_item: needs an item")
	}
	if g.item != "" && g.item == g.timeItem {
		return errors.New("time_item: is the same as item")
	}
	return nil
}

func (g *signature) compileTime(w *wire.Signature) (err error) {
	if w.Time != "" {
		if g.timeItem != "" {
			return errors.New("time: stands beside time_item: one of them says where the time is")
		}
		if g.time, err = single(w.Time); err != nil {
			return fmt.Errorf("time: %w", err)
		}
	}
	if g.unit, err = compileTimeUnit(w.TimeUnit); err != nil {
		return err
	}
	if w.MaxAgeMs > 0 && !g.timed() {
		return errors.New("max_age: needs time or time_item")
	}
	return checkAge("max_age", w.MaxAgeMs)
}

func (g *signature) timed() bool { return g.time != nil || g.timeItem != "" }

func (g *signature) compileSigned(w *wire.Signature) (err error) {
	if g.signed, err = compileTemplate(w.Signed); err != nil {
		return fmt.Errorf("signed: %w", err)
	}
	if err := g.checkSigned(w.Algorithm == "digest"); err != nil {
		return fmt.Errorf("signed: %w", err)
	}
	switch w.UrlVariants {
	case "":
	case "port":
		if !g.signed.has(varURL, varURLBase) {
			return errors.New("url_variants: needs {url} or {url.base} in signed")
		}
		g.tryPorts = true
	default:
		return fmt.Errorf("url_variants: %q is unknown: write port", w.UrlVariants)
	}
	if w.BodyDigest != "" {
		if g.bodyDigest, err = single(w.BodyDigest); err != nil {
			return fmt.Errorf("body_digest: %w", err)
		}
	}
	g.formOnly = g.signed.has(varFormSorted, varParamsSorted) && !g.signed.has(varBody, varBodySum, varBodySumHex)
	return nil
}

func (g *signature) checkSigned(digest bool) error {
	request := false // whether a part of the request is signed
	for _, p := range g.signed.parts {
		request = request || p.what != literal && p.what != varKey && p.what != varTime
	}
	switch {
	case !request:
		return errors.New("names no part of the request")
	case digest && !g.signed.has(varKey):
		return errors.New("has no {key}: a digest without a secret proves nothing")
	case !digest && g.signed.has(varKey):
		return errors.New("has {key}, which belongs to algorithm digest")
	case g.signed.has(varTime) && !g.timed():
		return errors.New("has {time}, but neither time nor time_item says where it is")
	}
	return nil
}

func (g *signature) keys() int { return g.algorithm.keys() }

func (g *signature) verify(s *scope, now time.Time) (int, reason) {
	text, why := s.text(g.location)
	if why != "" {
		return -1, why.or(missingSignature)
	}
	if why := g.collect(s, text); why != "" {
		return -1, why
	}
	if why := g.checkTime(s, now); why != "" {
		return -1, why
	}
	if why := g.checkBody(s); why != "" {
		return -1, why
	}
	key, why := g.algorithm.verify(s, g.signed)
	if why != badSignature || !g.tryPorts {
		return key, why
	}
	for _, url := range urlVariants(s.r.URL)[1:] {
		s.url = url
		if key, why = g.algorithm.verify(s, g.signed); why != badSignature {
			break
		}
	}
	s.url = s.r.URL
	return key, why
}

// collect reads the signatures, and the time if it stands among them, from the
// text of the location.
func (g *signature) collect(s *scope, text []byte) reason {
	s.resetSignatures()
	if len(g.separator) == 0 {
		if len(text) > 0 {
			g.add(s, text)
		}
		return s.haveSignatures()
	}
	for more := true; more; {
		var item []byte
		item, text, more = bytes.Cut(text, g.separator)
		item = bytes.Trim(item, " \t")
		if g.item == "" {
			if len(item) > 0 {
				g.add(s, item)
			}
			continue
		}
		key, value, _ := bytes.Cut(item, []byte{'='})
		switch {
		case string(key) == g.item:
			g.add(s, value)
		case g.timeItem != "" && string(key) == g.timeItem:
			if s.stamp != nil {
				return malformedTime
			}
			s.stamp = value
		}
	}
	return s.haveSignatures()
}

func (g *signature) add(s *scope, text []byte) {
	text, ok := bytes.CutPrefix(text, g.prefix)
	if !ok {
		s.skipSignature()
		return
	}
	least, most := g.algorithm.size()
	s.addSignature(g.encoding, text, least, most)
}

func (s *scope) resetSignatures() {
	s.sigCount, s.sigLooked, s.sigBuf, s.stamp = 0, 0, s.sigBuf[:0], nil
}

// skipSignature counts a signature that cannot be one of ours.
func (s *scope) skipSignature() { s.sigLooked++ }

// addSignature decodes one more signature of least to most bytes, if it is not
// one too many.
func (s *scope) addSignature(e encoding, text []byte, least, most int) {
	if s.sigLooked >= maxSignatures {
		return
	}
	s.sigLooked++
	at, ok := len(s.sigBuf), false
	if s.sigBuf, ok = e.decode(s.sigBuf, text, most); !ok || len(s.sigBuf)-at < least {
		return
	}
	s.sigs[s.sigCount] = s.sigBuf[at:]
	s.sigCount++
}

func (s *scope) haveSignatures() reason {
	switch {
	case s.sigLooked == 0:
		return missingSignature
	case s.sigCount == 0:
		return malformedSignature
	}
	return ""
}

func (s *scope) signatures() [][]byte { return s.sigs[:s.sigCount] }

func (g *signature) checkTime(s *scope, now time.Time) reason {
	if !g.timed() {
		return ""
	}
	if g.time != nil {
		text, why := s.text(g.time)
		if why != "" {
			return why.or(missingTime)
		}
		s.stamp = text
	}
	if s.stamp == nil {
		return missingTime
	}
	at, ok := g.unit.parse(s.stamp)
	if !ok {
		return malformedTime
	}
	if !g.window.holds(at, now) {
		return stale
	}
	return ""
}

// checkBody makes sure that a body which {form.sorted} does not cover is covered
// by its digest, or empty: the digest is a part of the URL, say, and signed
// there.
func (g *signature) checkBody(s *scope) reason {
	if g.bodyDigest == nil && !g.formOnly {
		return ""
	}
	isForm, why := s.formBody()
	if why != "" || isForm {
		return why
	}
	if g.bodyDigest == nil {
		if len(s.r.Body) > 0 {
			return uncoveredBody
		}
		return ""
	}
	text, why := s.text(g.bodyDigest)
	if why == missingPart && len(s.r.Body) == 0 {
		return ""
	}
	if why != "" {
		return why.or(uncoveredBody)
	}
	want := s.bodyDigest()
	var got [len(want)]byte
	if sum, ok := (encoding{}).decode(got[:0], text, len(got)); !ok || len(sum) != len(got) || got != want {
		return badBodyDigest
	}
	return ""
}
