package redact

import (
	"encoding/json"
	"html"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/patchbay-io/patchbay/core/config"
)

// leastInside is the length from which a value is looked for inside other text.
const leastInside = 6

// maxUnwrap is how many layers of escapes are looked through.
const maxUnwrap = 3

// finder finds the redacted values of one event, in all their spellings.
type finder struct {
	whole   []spelling // texts that are a value as a whole
	needles []spelling // longest first, inside other text
	first   [256]bool  // the bytes that needles begin with
}

// spelling is one way to write a value, in small letters, and what replaces it.
type spelling struct {
	text   string
	inside string // what replaces it inside other text
	alone  string // what replaces it where it is all there is
	word   bool   // only between characters that are no letters and digits
}

// add makes the finder look for a value; short says that it counts however short
// it is.
func (f *finder) add(s *Stage, action, value string, short bool) {
	value = strings.TrimSpace(value)
	if value == "" || len(value) < leastInside && !short {
		return
	}
	alone := s.replacement(action, value)
	inside := alone
	if action == config.Drop {
		inside = hidden
	}
	for _, v := range spellings(value) {
		sp := spelling{text: lower(v), inside: inside, alone: alone, word: isLetters(v)}
		if slices.ContainsFunc(f.whole, func(o spelling) bool { return o.text == sp.text }) {
			continue // the first rule counts
		}
		f.whole = append(f.whole, sp)
		if len(v) >= leastInside {
			f.needles = append(f.needles, sp)
			f.first[sp.text[0]] = true
		}
	}
}

// seal orders the needles: of two that begin at one place the longer one counts.
func (f *finder) seal() {
	slices.SortStableFunc(f.needles, func(a, b spelling) int { return len(b.text) - len(a.text) })
}

// spellings lists how a value may be written where nothing is escaped, and how
// escaped once.
func spellings(value string) []string {
	plain := []string{value}
	if d := digits(value); d != "" {
		plain = append(plain, "+"+d, "00"+d, d)
	}
	out := slices.Clone(plain)
	for _, p := range plain {
		quoted, _ := json.Marshal(p) // cannot fail: a string
		out = append(out, string(quoted[1:len(quoted)-1]), url.QueryEscape(p), url.PathEscape(p), html.EscapeString(p))
		if strings.Contains(p, " ") {
			out = append(out, strings.ReplaceAll(p, " ", "+"))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// lower writes letters small, where the small one takes as many bytes, so that
// places in the text stay the same.
func lower(s string) string {
	var b []byte
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if small := unicode.ToLower(r); small != r && utf8.RuneLen(small) == n {
			if b == nil {
				b = []byte(s)
			}
			utf8.EncodeRune(b[i:], small)
		}
		i += n
	}
	if b == nil {
		return s
	}
	return string(b)
}

// text replaces what is found in a text. short says that the text is a leaf of its
// own, where short values count too.
func (f *finder) text(s string, short bool) (string, bool) {
	if len(s) == 0 || len(f.whole) == 0 {
		return s, false
	}
	low := lower(s)
	for _, w := range f.whole {
		if (short || len(w.text) >= leastInside) && strings.TrimSpace(low) == w.text {
			return w.alone, true
		}
	}
	out, changed := f.replace(s, low)
	// What is still there under an escape can't be replaced in its place.
	layer := out
	for range maxUnwrap {
		next := unwrap(layer)
		if next == layer {
			break
		}
		if layer = next; f.holds(layer) {
			return hidden, true
		}
	}
	return out, changed
}

// name replaces what is found in a name, which must not become empty.
func (f *finder) name(s string) (string, bool) {
	out, changed := f.text(s, false)
	if changed && out == "" {
		out = hidden
	}
	return out, changed
}

// number replaces what is found in a JSON number, however it is written.
func (f *finder) number(literal string) (string, bool) {
	if out, changed := f.text(literal, true); changed {
		return out, true
	}
	if !strings.ContainsAny(literal, ".eE") {
		return literal, false
	}
	v, err := strconv.ParseFloat(literal, 64)
	if err != nil || math.Abs(v) > 1e18 {
		return literal, false
	}
	return f.text(strconv.FormatFloat(v, 'f', -1, 64), true)
}

// replace replaces the needles in s; low is s in small letters.
func (f *finder) replace(s, low string) (string, bool) {
	var out strings.Builder
	from := 0
	for i := 0; i < len(low); {
		n := f.at(low, i)
		if n == nil {
			i++
			continue
		}
		out.WriteString(s[from:i])
		out.WriteString(n.inside)
		i += len(n.text)
		from = i
	}
	if from == 0 {
		return s, false
	}
	out.WriteString(s[from:])
	return out.String(), true
}

// at returns the needle that low has at i, nil if there is none.
func (f *finder) at(low string, i int) *spelling {
	if !f.first[low[i]] {
		return nil
	}
	for k := range f.needles {
		n := &f.needles[k]
		if !strings.HasPrefix(low[i:], n.text) {
			continue
		}
		if !n.word || !wordBefore(low, i) && !wordAfter(low, i+len(n.text)) {
			return n
		}
	}
	return nil
}

func (f *finder) holds(s string) bool {
	low := lower(s)
	for i := range len(low) {
		if f.at(low, i) != nil {
			return true
		}
	}
	return false
}

func wordBefore(s string, i int) bool { return i > 0 && wordByte(s[i-1]) }

func wordAfter(s string, i int) bool { return i < len(s) && wordByte(s[i]) }

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c >= utf8.RuneSelf
}

// unwrap undoes one layer of escapes of every kind that it meets: %XX, \uXXXX and
// &#NN;. What is no escape stays as it is.
func unwrap(s string) string {
	if !strings.ContainsAny(s, `%\&`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); {
		n, text := escape(s[i:])
		if n == 0 {
			n, text = 1, s[i:i+1]
		}
		out.WriteString(text)
		i += n
	}
	return html.UnescapeString(out.String())
}

// escape reads the escape that s begins with; n is zero if there is none.
func escape(s string) (n int, text string) {
	if len(s) >= 3 && s[0] == '%' {
		if v, err := strconv.ParseUint(s[1:3], 16, 8); err == nil {
			return 3, string([]byte{byte(v)})
		}
	}
	if len(s) < 2 || s[0] != '\\' {
		return 0, ""
	}
	if s[1] != 'u' {
		if i := strings.IndexByte(`"\/bfnrt`, s[1]); i >= 0 {
			return 2, "\"\\/\b\f\n\r\t"[i : i+1]
		}
		return 0, ""
	}
	// Two halves of a surrogate pair belong together.
	for _, n := range []int{12, 6} {
		if len(s) < n {
			continue
		}
		var v string
		if json.Unmarshal([]byte(`"`+s[:n]+`"`), &v) == nil && utf8.RuneCountInString(v) == 1 {
			return n, v
		}
	}
	return 0, ""
}
