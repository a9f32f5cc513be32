package auth

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
)

// maxParams is how many parameters of a query or a form are decoded. Sorting
// them comes before authentication, so their number must be bounded (I12).
const maxParams = 1024

// param is one decoded parameter.
type param struct {
	key, value []byte
}

// params are the parameters of a query or a form, in their order: an ordered
// multimap.
type params struct {
	list []param
}

func (p params) reset() params {
	clear(p.list[:cap(p.list)])
	return params{list: p.list[:0]}
}

// value returns the value of a parameter that must be single.
func (p params) value(name string) ([]byte, reason) {
	at := -1
	for i := range p.list {
		if string(p.list[i].key) == name {
			if at >= 0 {
				return nil, repeatedParameter
			}
			at = i
		}
	}
	if at < 0 {
		return nil, missingPart
	}
	return p.list[at].value, ""
}

// parseParams decodes raw, which is encoded as a form, into list. Decoded texts
// that differ from raw are appended to buf. A blank value is kept; an escape
// that is none is an error, since every reader would make another text of it.
func parseParams(list []param, buf, raw []byte, malformed reason) ([]param, []byte, reason) {
	for len(raw) > 0 {
		item := raw
		if amp := bytes.IndexByte(raw, '&'); amp >= 0 {
			item, raw = raw[:amp], raw[amp+1:]
		} else {
			raw = nil
		}
		if len(item) == 0 {
			continue
		}
		if len(list) == maxParams {
			return list, buf, tooManyParameters
		}
		rawKey, rawValue := item, []byte(nil)
		if eq := bytes.IndexByte(item, '='); eq >= 0 {
			rawKey, rawValue = item[:eq], item[eq+1:]
		}
		var p param
		var ok bool
		if p.key, buf, ok = unescape(buf, rawKey); !ok {
			return list, buf, malformed
		}
		if p.value, buf, ok = unescape(buf, rawValue); !ok {
			return list, buf, malformed
		}
		list = append(list, p)
	}
	return list, buf, ""
}

// unescape decodes raw at the end of buf, or returns raw if it is plain.
func unescape(buf, raw []byte) (text, grown []byte, ok bool) {
	plain := 0 // most texts are plain, and short
	for plain < len(raw) && raw[plain] != '%' && raw[plain] != '+' {
		plain++
	}
	if plain == len(raw) {
		return raw, buf, true
	}
	at := len(buf)
	buf = append(buf, raw[:plain]...)
	for i := plain; i < len(raw); i++ {
		switch raw[i] {
		case '+':
			buf = append(buf, ' ')
		case '%':
			if i+2 >= len(raw) {
				return nil, buf, false
			}
			hi, lo := unhex(raw[i+1]), unhex(raw[i+2])
			if hi|lo > 15 {
				return nil, buf, false
			}
			buf = append(buf, hi<<4|lo)
			i += 2
		default:
			buf = append(buf, raw[i])
		}
	}
	return buf[at:len(buf):len(buf)], buf, true
}

// unhex returns the value of a hexadecimal digit, or 255.
func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

func byKey(a, b param) int { return bytes.Compare(a.key, b.key) }

func byKeyAndValue(a, b param) int {
	if c := bytes.Compare(a.key, b.key); c != 0 {
		return c
	}
	return bytes.Compare(a.value, b.value)
}

// readQuery decodes the query once. A variant of the URL has the same query,
// differently escaped.
func (s *scope) readQuery() reason {
	if !s.queryRead {
		s.queryRead = true
		_, query, _ := strings.Cut(s.r.URL, "?")
		raw := s.keep(query)
		s.query.list, s.buf, s.queryWhy = parseParams(s.query.list, s.buf, raw, malformedQuery)
	}
	return s.queryWhy
}

// readForm decodes the form once; without a form there are no parameters.
func (s *scope) readForm() reason {
	isForm, why := s.formBody()
	if why != "" || !isForm || s.formRead {
		return why
	}
	s.formRead = true
	s.buf = slices.Grow(s.buf, len(s.r.Body))
	s.form.list, s.buf, why = parseParams(s.form.list, s.buf, s.r.Body, malformedBody)
	if why != "" {
		s.isForm = why
	}
	return why
}

// paramsPart evaluates the variables that are made of parameters.
func (s *scope) paramsPart(p *part) ([]byte, reason) {
	if p.what == varQuerySorted {
		return s.sortedQuery()
	}
	if why := s.readForm(); why != "" {
		return nil, why
	}
	switch p.what {
	case varFormValue:
		return s.form.value(p.name)
	case varParamsSorted:
		return s.sortedParams()
	}
	return s.sortedForm(), ""
}

// sortedForm is {form.sorted}: the keys sorted, each before each of its values,
// which are sorted too and stand once. The form must have been read.
func (s *scope) sortedForm() []byte {
	if s.formSorted {
		return s.formJoined
	}
	slices.SortFunc(s.form.list, byKeyAndValue)
	at := len(s.buf)
	for i, p := range s.form.list {
		if i > 0 && byKeyAndValue(s.form.list[i-1], p) == 0 {
			continue
		}
		s.buf = append(s.buf, p.key...)
		s.buf = append(s.buf, p.value...)
	}
	s.formJoined, s.formSorted = s.buf[at:len(s.buf):len(s.buf)], true
	return s.formJoined
}

// sortedQuery is {query.sorted}: encoded again, with the keys sorted and the
// values of each in their order.
func (s *scope) sortedQuery() ([]byte, reason) {
	if why := s.readQuery(); why != "" {
		return nil, why
	}
	slices.SortStableFunc(s.query.list, byKey)
	at := len(s.buf)
	for i, p := range s.query.list {
		if i > 0 {
			s.buf = append(s.buf, '&')
		}
		s.buf = append(s.buf, url.QueryEscape(string(p.key))...)
		s.buf = append(s.buf, '=')
		s.buf = append(s.buf, url.QueryEscape(string(p.value))...)
	}
	return s.buf[at:len(s.buf):len(s.buf)], ""
}

// sortedParams is {params.sorted}. The form must have been read.
func (s *scope) sortedParams() ([]byte, reason) {
	if why := s.readQuery(); why != "" {
		return nil, why
	}
	form := s.sortedForm()
	query := slices.Clone(s.query.list) // sortedQuery wants the values in their order
	slices.SortFunc(query, byKeyAndValue)
	at := len(s.buf)
	if len(query) > 0 || len(form) > 0 {
		s.buf = append(s.buf, '?')
	}
	for i, p := range query {
		if i > 0 {
			s.buf = append(s.buf, '&')
		}
		s.buf = append(s.buf, p.key...)
		s.buf = append(s.buf, '=')
		s.buf = append(s.buf, p.value...)
	}
	if len(query) > 0 && len(form) > 0 {
		s.buf = append(s.buf, '.')
	}
	s.buf = append(s.buf, form...)
	return s.buf[at:len(s.buf):len(s.buf)], ""
}
