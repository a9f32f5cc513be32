package jsonscan

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrSyntax is returned for text that is not JSON.
var ErrSyntax = errors.New("not JSON")

// MaxDepth is the deepest nesting without a Fault. Webhooks nest 4 or 5 deep.
const MaxDepth = 32

// Kind says what a value is.
type Kind uint8

// The kinds.
const (
	Null Kind = iota
	Bool
	Number
	String
	Object
	Array
)

// Fault is a set of what is wrong with a value though its syntax is right.
type Fault uint8

// The faults.
const (
	BadUTF8 Fault = 1 << iota
	LoneSurrogate
	TooDeep
	DuplicateKey // found by Check alone
)

// Code names the first fault, for a rejection; empty if there is none.
func (f Fault) Code() string {
	switch {
	case f&BadUTF8 != 0:
		return "bad_utf8"
	case f&LoneSurrogate != 0:
		return "lone_surrogate"
	case f&TooDeep != 0:
		return "too_deep"
	case f&DuplicateKey != 0:
		return "duplicate_key"
	}
	return ""
}

// Value is one value and where it lies.
type Value struct {
	Start, End int // in bytes; a string's include its quotes
	Kind       Kind
	Fault      Fault
	escaped    bool // a string with escapes
}

// Raw returns the value's own text.
func (v Value) Raw(text string) string { return text[v.Start:v.End] }

// Text returns the text of a string, decoded; of any other value its own text,
// of null nothing. A lone surrogate becomes U+FFFD.
func (v Value) Text(text string) string {
	switch {
	case v.Kind == Null:
		return ""
	case v.Kind != String:
		return v.Raw(text)
	case !v.escaped:
		return text[v.Start+1 : v.End-1]
	}
	return unescape(text[v.Start+1 : v.End-1])
}

// Document reads a whole text: one value with nothing but white space around
// it. A byte order mark before it is passed over.
func Document(text string) (Value, error) {
	s := scanner{text: text, pos: begin(text)}
	v, err := s.value()
	if err != nil {
		return v, err
	}
	if s.space(); s.pos != len(text) {
		return v, s.bad("something after the value")
	}
	return v, nil
}

// begin returns where a text begins: after a byte order mark.
func begin(text string) int {
	if len(text) >= 3 && text[:3] == "\xef\xbb\xbf" {
		return 3
	}
	return 0
}

// scanner reads values one after the other.
type scanner struct {
	text string
	pos  int
}

func (s *scanner) bad(what string) error {
	return fmt.Errorf("%w: %s at byte %d", ErrSyntax, what, s.pos)
}

func (s *scanner) space() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\n', '\r', '\t':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the next byte that is not space, 0 at the end: 0 itself begins
// nothing.
func (s *scanner) peek() byte {
	s.space()
	if s.pos == len(s.text) {
		return 0
	}
	return s.text[s.pos]
}

// value reads one value. It does not recurse: a body of brackets costs memory in
// proportion to itself, and no stack.
func (s *scanner) value() (Value, error) {
	var few [MaxDepth]byte
	open := few[:0] // the closing bracket of each open object and array
	s.space()
	v := Value{Start: s.pos}
	for {
		kind, escaped, end, err := s.token(&v.Fault)
		if err != nil {
			return v, err
		}
		if len(open) == 0 {
			v.Kind, v.escaped = kind, escaped
		}
		if len(open) >= MaxDepth && (kind == Object || kind == Array) {
			v.Fault |= TooDeep
		}
		if end != 0 { // an object or array that is not empty
			open = append(open, end)
			if end == '}' {
				if err := s.key(&v.Fault); err != nil {
					return v, err
				}
			}
			continue
		}
		if open, err = s.after(open, &v.Fault); err != nil {
			return v, err
		}
		if len(open) == 0 {
			v.End = s.pos
			return v, nil
		}
	}
}

// after reads what follows a value: closing brackets, and then a comma and, in
// an object, the next key.
func (s *scanner) after(open []byte, fault *Fault) ([]byte, error) {
	for len(open) > 0 {
		end := open[len(open)-1]
		switch s.peek() {
		case end:
			s.pos++
			open = open[:len(open)-1]
		case ',':
			s.pos++
			if end == '}' {
				return open, s.key(fault)
			}
			return open, nil
		default:
			return open, s.bad("neither a comma nor the end")
		}
	}
	return open, nil
}

// token reads a scalar, an empty object or array, or the beginning of one that
// is not empty, of which it returns the closing bracket.
func (s *scanner) token(fault *Fault) (kind Kind, escaped bool, end byte, err error) {
	switch c := s.peek(); c {
	case '"':
		escaped, err = s.str(fault)
		return String, escaped, 0, err
	case '{', '[':
		s.pos++
		kind, end = Object, '}'
		if c == '[' {
			kind, end = Array, ']'
		}
		if s.peek() == end {
			s.pos++
			end = 0
		}
		return kind, false, end, nil
	case 't':
		return Bool, false, 0, s.word("true")
	case 'f':
		return Bool, false, 0, s.word("false")
	case 'n':
		return Null, false, 0, s.word("null")
	default:
		return Number, false, 0, s.number()
	}
}

// key reads a key and the colon after it.
func (s *scanner) key(fault *Fault) error {
	if s.peek() != '"' {
		return s.bad("no key")
	}
	if _, err := s.str(fault); err != nil {
		return err
	}
	if s.peek() != ':' {
		return s.bad("no colon")
	}
	s.pos++
	return nil
}

func (s *scanner) word(w string) error {
	if len(s.text)-s.pos < len(w) || s.text[s.pos:s.pos+len(w)] != w {
		return s.bad("an unknown word")
	}
	s.pos += len(w)
	return nil
}

func (s *scanner) digits() bool {
	from := s.pos
	for s.pos < len(s.text) && s.text[s.pos]-'0' <= 9 {
		s.pos++
	}
	return s.pos > from
}

func (s *scanner) at(c byte) bool { return s.pos < len(s.text) && s.text[s.pos] == c }

func (s *scanner) number() error {
	if s.at('-') {
		s.pos++
	}
	if s.at('0') {
		s.pos++
	} else if !s.digits() {
		return s.bad("no value")
	}
	if s.at('.') {
		if s.pos++; !s.digits() {
			return s.bad("no digit")
		}
	}
	if s.at('e') || s.at('E') {
		s.pos++
		if s.at('+') || s.at('-') {
			s.pos++
		}
		if !s.digits() {
			return s.bad("no digit")
		}
	}
	return nil
}

// stops are the bytes at which a string's text needs a look.
var stops = func() (t [256]bool) {
	for c := range t {
		t[c] = c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf
	}
	return t
}()

// str reads a string, from its first quote, and reports whether it has escapes.
func (s *scanner) str(fault *Fault) (escaped bool, err error) {
	text := s.text
	i := s.pos + 1
	for i < len(text) {
		c := text[i]
		if !stops[c] {
			i++
			continue
		}
		switch {
		case c == '"':
			s.pos = i + 1
			return escaped, nil
		case c == '\\':
			escaped = true
			n, lone := escape(text[i:])
			if n == 0 {
				s.pos = i
				return escaped, s.bad("an unknown escape")
			}
			if lone {
				*fault |= LoneSurrogate
			}
			i += n
		case c < ' ':
			s.pos = i
			return escaped, s.bad("a control character in a string")
		default:
			r, n := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError && n == 1 {
				*fault |= BadUTF8
			}
			i += n
		}
	}
	s.pos = i
	return escaped, s.bad("a string without an end")
}
