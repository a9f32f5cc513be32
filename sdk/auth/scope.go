package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"mime"
	"strings"
)

// keepBuffer is the largest buffer that a scope keeps between requests.
const keepBuffer = 64 << 10

// maxSignatures is how many signatures of one request are looked at: each costs
// a comparison or a public key operation, and anybody can send them (I12).
const maxSignatures = 16

// scope is one request under examination: what is decoded of it, once and only
// when asked for, and the buffers that this takes.
type scope struct {
	r     *Request
	url   string // r.URL, or the variant of it that is being tried
	key   []byte // {key}
	stamp []byte // {time}

	buf  []byte   // backs texts that are not a part of the request as it stands
	segs [][]byte // the text under evaluation

	form, query params
	isForm      reason // see formBody
	formRead    bool
	formJoined  []byte // {form.sorted}
	formSorted  bool
	queryRead   bool
	queryWhy    reason
	jsonRead    bool
	jsonValid   bool
	bodySumRead bool
	bodySum     [sha256.Size]byte
	sum         [64]byte // the largest digest
	sigs        [maxSignatures][]byte
	sigBuf      []byte
	sigCount    int // decoded
	sigLooked   int // looked at
}

func (s *scope) open(r *Request) {
	s.r, s.url = r, r.URL
}

// close forgets the request, so that a scope at rest holds none of it alive.
func (s *scope) close() {
	buf, segs, sigBuf, form, query := s.buf, s.segs, s.sigBuf, s.form, s.query
	clear(segs[:cap(segs)])
	*s = scope{buf: reuse(buf), segs: segs[:0], sigBuf: reuse(sigBuf), form: form.reset(), query: query.reset()}
}

func reuse(buf []byte) []byte {
	if cap(buf) > keepBuffer {
		return nil
	}
	return buf[:0]
}

// keep copies text into the scope's buffer. Growing the buffer leaves the
// memory behind earlier results as it is.
func (s *scope) keep(text string) []byte {
	at := len(s.buf)
	s.buf = append(s.buf, text...)
	return s.buf[at:len(s.buf):len(s.buf)]
}

// text returns t as one piece of memory, valid until the scope is closed.
func (s *scope) text(t *Template) ([]byte, reason) {
	segs, why := s.segments(t)
	if why != "" {
		return nil, why
	}
	if len(segs) == 1 {
		return segs[0], ""
	}
	return s.join(segs), ""
}

func (s *scope) join(segs [][]byte) []byte {
	at := len(s.buf)
	for _, seg := range segs {
		s.buf = append(s.buf, seg...)
	}
	return s.buf[at:len(s.buf):len(s.buf)]
}

// segments returns t in pieces, so that a large body is hashed where it lies.
// The next call overwrites them.
func (s *scope) segments(t *Template) ([][]byte, reason) {
	segs := s.segs[:0]
	for i := range t.parts {
		seg, why := s.part(&t.parts[i])
		if why != "" {
			return nil, why
		}
		segs = append(segs, seg)
	}
	s.segs = segs
	return segs, ""
}

func (s *scope) part(p *part) ([]byte, reason) {
	switch p.what {
	case literal:
		return p.text, ""
	case varMethod:
		return s.keep(s.r.Method), ""
	case varURL:
		return s.keep(s.url), ""
	case varURLBase:
		base, _, _ := strings.Cut(s.url, "?")
		return s.keep(base), ""
	case varURLSum:
		return s.digest(sha256.Sum256([]byte(s.url)), false), ""
	case varURLSumHex:
		return s.digest(sha256.Sum256([]byte(s.url)), true), ""
	case varPath:
		return s.keep(urlPath(s.url)), ""
	case varQuery:
		_, query, _ := strings.Cut(s.url, "?")
		return s.keep(query), ""
	case varBody:
		return s.r.Body, ""
	case varBodySum:
		return s.digest(s.bodyDigest(), false), ""
	case varBodySumHex:
		return s.digest(s.bodyDigest(), true), ""
	case varHeader:
		value, why := s.header(p.name)
		return s.keep(value), why
	case varQueryValue:
		if why := s.readQuery(); why != "" {
			return nil, why
		}
		return s.query.value(p.name)
	case varJSON:
		return s.jsonValue(p.path)
	case varKey:
		return s.key, ""
	case varTime:
		return s.stamp, ""
	}
	return s.paramsPart(p)
}

// header returns the value of a header that must be single. Which of several
// values the provider meant, and which of them others read, cannot be known.
func (s *scope) header(name string) (string, reason) {
	switch values := s.r.Header[name]; len(values) {
	case 0:
		return "", missingPart
	case 1:
		return values[0], ""
	}
	return "", repeatedHeader
}

func (s *scope) digest(sum [sha256.Size]byte, asHex bool) []byte {
	at := len(s.buf)
	if asHex {
		s.buf = hex.AppendEncode(s.buf, sum[:])
	} else {
		s.buf = append(s.buf, sum[:]...)
	}
	return s.buf[at:len(s.buf):len(s.buf)]
}

func (s *scope) bodyDigest() [sha256.Size]byte {
	if !s.bodySumRead {
		s.bodySum, s.bodySumRead = sha256.Sum256(s.r.Body), true
	}
	return s.bodySum
}

func (s *scope) jsonValue(path []string) ([]byte, reason) {
	if !s.jsonRead {
		s.jsonValid, s.jsonRead = json.Valid(s.r.Body), true
	}
	if !s.jsonValid {
		return nil, malformedBody
	}
	return jsonScalar(s.r.Body, path)
}

// The states of scope.isForm besides a reason why it cannot be known.
const (
	bodyIsForm    reason = "form"
	bodyIsNotForm reason = "not_form"
)

// formBody reports whether the request declares its body to be a form.
func (s *scope) formBody() (bool, reason) {
	if s.isForm == "" {
		s.isForm = s.classifyBody()
	}
	switch s.isForm {
	case bodyIsForm, bodyIsNotForm:
		return s.isForm == bodyIsForm, ""
	}
	return false, s.isForm
}

func (s *scope) classifyBody() reason {
	const form = "application/x-www-form-urlencoded"
	value, why := s.header("Content-Type")
	switch {
	case why == missingPart:
		return bodyIsNotForm
	case why != "":
		return why
	case value == form: // by far the most frequent, and it allocates nothing
		return bodyIsForm
	}
	kind, _, err := mime.ParseMediaType(value)
	if err == nil && kind == form {
		return bodyIsForm
	}
	return bodyIsNotForm
}
