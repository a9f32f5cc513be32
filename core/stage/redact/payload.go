package redact

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/patchbay-io/patchbay/core/config"
)

// payload rewrites a payload. False means that it is neither JSON nor a form.
func (s *Stage) payload(f *finder, in []byte) ([]byte, bool) {
	if len(in) == 0 {
		return in, true
	}
	if json.Valid(in) {
		w := &walker{s: s, f: f, in: in}
		w.value(0, s.whereAll(), "")
		return w.finish(), true
	}
	return s.form(f, in)
}

// values calls each for the values in the payload at the places that the rules
// name.
func (s *Stage) values(in []byte, each func(action, value string)) {
	if len(s.paths) == 0 || len(in) == 0 {
		return
	}
	if json.Valid(in) {
		w := &walker{s: s, in: in, each: each}
		w.value(0, s.whereAll(), "")
		return
	}
	for pair := range bytes.SplitSeq(in, []byte("&")) {
		name, value, _, ok := decodePair(pair)
		if action := s.formAction(name); ok && action != "" {
			each(action, value)
		}
	}
}

// where is how far along its path a rule is.
type where struct {
	rule *pathRule
	step int
}

func (s *Stage) whereAll() []where {
	var out []where
	for i := range s.paths {
		out = append(out, where{&s.paths[i], 0})
	}
	return out
}

// walker goes through a valid JSON document. With each it only reports the values
// that the rules name, else it rewrites the document: what is not concerned keeps
// its bytes.
type walker struct {
	s    *Stage
	f    *finder
	each func(action, value string)
	in   []byte
	out  []byte
	from int // everything before it is in out
}

// put replaces in[from:to].
func (w *walker) put(from, to int, text []byte) {
	w.out = append(append(w.out, w.in[w.from:from]...), text...)
	w.from = to
}

func (w *walker) finish() []byte {
	if w.from == 0 {
		return w.in
	}
	return append(w.out, w.in[w.from:]...)
}

// value handles the value at i and returns where it ends. action is not empty
// within what a rule names.
func (w *walker) value(i int, at []where, action string) int {
	i = space(w.in, i)
	if action == "" {
		for _, a := range at {
			if a.step == len(a.rule.path) {
				action = a.rule.action
				break
			}
		}
	}
	start := i
	switch w.in[i] {
	case '{':
		if action == config.Drop && w.each == nil {
			end := skip(w.in, i)
			w.put(start, end, []byte("null"))
			return end
		}
		return w.object(i, at, action)
	case '[':
		if action == config.Drop && w.each == nil {
			end := skip(w.in, i)
			w.put(start, end, []byte("null"))
			return end
		}
		return w.array(i, at, action)
	}
	end := skip(w.in, i)
	w.leaf(start, end, action)
	return end
}

func (w *walker) object(i int, at []where, action string) int {
	for i = space(w.in, i+1); w.in[i] != '}'; i = space(w.in, i) {
		if w.in[i] == ',' {
			i = space(w.in, i+1)
		}
		end := skip(w.in, i)
		name := unquote(w.in[i:end])
		if w.f != nil {
			if text, changed := w.f.name(name); changed {
				w.put(i, end, quote(text))
			}
		}
		i = space(w.in, end) + 1 // the colon
		var below []where
		for _, a := range at {
			if a.step < len(a.rule.path) && a.rule.path[a.step].Name == name && name != "" {
				below = append(below, where{a.rule, a.step + 1})
			}
		}
		i = w.value(i, below, action)
	}
	return i + 1
}

func (w *walker) array(i int, at []where, action string) int {
	n := 0
	for i = space(w.in, i+1); w.in[i] != ']'; i = space(w.in, i) {
		if w.in[i] == ',' {
			i = space(w.in, i+1)
		}
		var below []where
		for _, a := range at {
			if a.step == len(a.rule.path) {
				continue
			}
			switch s := a.rule.path[a.step]; {
			case s.Name != "":
				below = append(below, a) // a list of what has such a member
			case s.Any || s.Index == n:
				below = append(below, where{a.rule, a.step + 1})
			}
		}
		i = w.value(i, below, action)
		n++
	}
	return i + 1
}

// leaf handles a string, a number, true, false or null.
func (w *walker) leaf(start, end int, action string) {
	raw := w.in[start:end]
	var text string
	switch c := raw[0]; {
	case c == '"':
		text = unquote(raw)
	case c == '-' || c >= '0' && c <= '9':
		text = string(raw)
	case c != 'n' && action != "" && w.each == nil:
		w.put(start, end, []byte("null")) // two values can't be disguised
		return
	default:
		return
	}
	switch {
	case w.each != nil:
		if action != "" {
			w.each(action, text)
		}
	case action == config.Drop && raw[0] != '"':
		w.put(start, end, []byte("null"))
	case action != "":
		w.put(start, end, quote(w.s.at(w.f, action, text)))
	case raw[0] == '"':
		if out, changed := w.f.text(text, true); changed {
			w.put(start, end, quote(out))
		}
	default:
		if out, changed := w.f.number(text); changed {
			w.put(start, end, quote(out))
		}
	}
}

// quote writes a string as JSON.
func quote(s string) []byte {
	b, _ := json.Marshal(s) // cannot fail: a string
	return b
}

// unquote reads a JSON string.
func unquote(raw []byte) string {
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	var s string
	_ = json.Unmarshal(raw, &s) // cannot fail: the document is valid
	return s
}

// space returns where the next token of a valid document begins.
func space(in []byte, i int) int {
	for i < len(in) && (in[i] == ' ' || in[i] == '\t' || in[i] == '\n' || in[i] == '\r') {
		i++
	}
	return i
}

// skip returns where the value that begins at i ends.
func skip(in []byte, i int) int {
	depth := 0
	for {
		switch in[i] {
		case '"':
			for i++; in[i] != '"'; i++ {
				if in[i] == '\\' {
					i++
				}
			}
			i++
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ' ', '\t', '\n', '\r', ',', ':':
			i++
		default:
			for i < len(in) && bytes.IndexByte([]byte(" \t\r\n,:]}"), in[i]) < 0 {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
}

// form rewrites a form, pair by pair. False means that it is none.
func (s *Stage) form(f *finder, in []byte) ([]byte, bool) {
	body := bytes.TrimRight(in, "\r\n")
	if !formLike(body) {
		return nil, false
	}
	var out []byte
	for i, pair := range bytes.Split(body, []byte("&")) {
		if i > 0 {
			out = append(out, '&')
		}
		name, value, has, ok := decodePair(pair)
		if !ok {
			return nil, false
		}
		newName, changed := f.name(name)
		newValue := value
		if action := s.formAction(name); action != "" {
			newValue = s.at(f, action, value)
			changed = true
		} else if text, found := f.text(value, true); found {
			newValue, changed = text, true
		}
		if !changed {
			out = append(out, pair...)
			continue
		}
		out = append(out, url.QueryEscape(newName)...)
		if has {
			out = append(append(out, '='), url.QueryEscape(newValue)...)
		}
	}
	return append(out, in[len(body):]...), true
}

// formLike reports whether a text can be a form: it has a pair, and no character
// that a form must escape and other formats need.
func formLike(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c == 0x7f || strings.IndexByte("<>\"\\^`{}|", c) >= 0 {
			return false
		}
	}
	return bytes.IndexByte(b, '=') > 0 && utf8.Valid(b)
}

func decodePair(pair []byte) (name, value string, has, ok bool) {
	rawName, rawValue, has := strings.Cut(string(pair), "=")
	name, err := url.QueryUnescape(rawName)
	if err != nil {
		return "", "", has, false
	}
	value, err = url.QueryUnescape(rawValue)
	return name, value, has, err == nil
}

func (s *Stage) formAction(name string) string {
	for i := range s.paths {
		if s.paths[i].form == name {
			return s.paths[i].action
		}
	}
	return ""
}
