package auth

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// The bounds of one template.
const (
	maxTemplate = 4096
	maxParts    = 64
)

// variable is what a part of a template stands for.
type variable uint8

const (
	literal variable = iota
	varMethod
	varURL
	varURLBase
	varURLSum
	varURLSumHex
	varPath
	varQuery
	varBody
	varBodySum
	varBodySumHex
	varHeader     // name
	varQueryValue // name
	varFormValue  // name
	varJSON       // path
	varFormSorted
	varQuerySorted
	varParamsSorted
	varKey
	varTime
)

type part struct {
	what variable
	text []byte   // of a literal
	name string   // of a header (canonical), a parameter
	path []string // of a JSON value
}

// Template is a compiled text with variables; sdk.Auth describes the language.
// It may be used concurrently.
type Template struct {
	parts  []part
	scopes sync.Pool
}

// CompileTemplate compiles a template that stands outside a signature's text: in
// a handshake or an answer. {key} and {time} have no meaning there.
func CompileTemplate(text string) (*Template, error) {
	t, err := compileTemplate(text)
	if err == nil && t.has(varKey, varTime) {
		err = errors.New("{key} and {time} have a meaning in a signature's text alone")
	}
	if err != nil {
		return nil, fmt.Errorf("auth: compile template: %w", err)
	}
	return t, nil
}

// Text returns t with its variables replaced by the parts of r. It is false if
// one of them is absent, repeated or cannot be decoded.
func (t *Template) Text(r *Request) (string, bool) {
	s := t.scopes.Get().(*scope)
	defer t.scopes.Put(s)
	s.open(r)
	defer s.close()
	text, why := s.text(t)
	if why != "" {
		return "", false
	}
	return string(text), true
}

// Reads returns the headers (canonical names) and the query's parameters that t
// reads: those that must not be stored if its text is a secret (I14).
func (t *Template) Reads() (headers, query []string) {
	for _, p := range t.parts {
		switch p.what {
		case varHeader:
			headers = append(headers, p.name)
		case varQueryValue:
			query = append(query, p.name)
		}
	}
	return sorted(headers), sorted(query)
}

func (t *Template) has(any ...variable) bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return slices.Contains(any, p.what) })
}

// compileTemplate reads text. A brace begins a variable if a letter, a digit or
// an underscore follows, so that JSON, as it stands in answers, is text.
func compileTemplate(text string) (*Template, error) {
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("is longer than %d bytes", maxTemplate)
	}
	t := &Template{scopes: sync.Pool{New: func() any { return new(scope) }}}
	rest, plain := text, []byte(nil)
	flush := func() {
		if len(plain) > 0 {
			t.parts = append(t.parts, part{what: literal, text: plain})
			plain = nil
		}
	}
	for rest != "" {
		if rest[0] != '{' || len(rest) == 1 || !isWord(rest[1]) {
			plain = append(plain, rest[0])
			rest = rest[1:]
			continue
		}
		name, after, closed := strings.Cut(rest[1:], "}")
		if !closed {
			return nil, fmt.Errorf("%q has no closing brace", rest)
		}
		p, err := compileVariable(name)
		if err != nil {
			return nil, err
		}
		flush()
		t.parts = append(t.parts, p)
		rest = after
	}
	flush()
	if len(t.parts) > maxParts {
		return nil, fmt.Errorf("has more than %d parts", maxParts)
	}
	return t, nil
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func compileVariable(text string) (part, error) {
	if v, ok := fixedVariable(text); ok {
		return part{what: v}, nil
	}
	kind, name, _ := strings.Cut(text, ".")
	p := part{name: name}
	switch kind {
	case "header":
		p.what = varHeader
		p.name = http.CanonicalHeaderKey(name)
		if strings.ContainsFunc(name, notToken) {
			return part{}, fmt.Errorf("{%s}: is no name of a header", text)
		}
	case "query":
		p.what = varQueryValue
	case "form":
		p.what = varFormValue
	case "json":
		p.what = varJSON
		p.path = strings.Split(name, ".")
		if slices.Contains(p.path, "") && name != "" {
			return part{}, fmt.Errorf("{%s}: a step of the path is empty", text)
		}
	default:
		return part{}, fmt.Errorf("unknown variable {%s}", text)
	}
	if name == "" {
		return part{}, fmt.Errorf("{%s}: which one is not said: write {%s.NAME}", text, kind)
	}
	return p, nil
}

func fixedVariable(text string) (variable, bool) {
	switch text {
	case "method":
		return varMethod, true
	case "url":
		return varURL, true
	case "url.base":
		return varURLBase, true
	case "url.sha256":
		return varURLSum, true
	case "url.sha256.hex":
		return varURLSumHex, true
	case "path":
		return varPath, true
	case "query":
		return varQuery, true
	case "body":
		return varBody, true
	case "body.sha256":
		return varBodySum, true
	case "body.sha256.hex":
		return varBodySumHex, true
	case "form.sorted":
		return varFormSorted, true
	case "query.sorted":
		return varQuerySorted, true
	case "params.sorted":
		return varParamsSorted, true
	case "key":
		return varKey, true
	case "time":
		return varTime, true
	}
	return 0, false
}

// notToken reports whether c cannot stand in the name of a header (RFC 9110).
func notToken(c rune) bool {
	return c >= 0x7f || c <= ' ' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
}

// single compiles a template that must be one variable and one of a kind that a
// request carries as a value.
func single(text string) (*Template, error) {
	t, err := compileTemplate(text)
	if err != nil {
		return nil, err
	}
	if len(t.parts) != 1 || !t.has(varHeader, varQueryValue, varFormValue, varJSON) {
		return nil, errors.New("must be one variable: {header.NAME}, {query.NAME}, {form.NAME} or {json.PATH}")
	}
	return t, nil
}
