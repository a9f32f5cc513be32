package jsonscan

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// simple are the escapes of one letter.
var simple = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape returns the length of the escape at the front of text, 0 if it is none,
// and whether it is half of a surrogate pair without the other half.
func escape(text string) (n int, lone bool) {
	if len(text) < 2 {
		return 0, false
	}
	if simple[text[1]] != 0 {
		return 2, false
	}
	r, ok := hex4(text)
	switch {
	case !ok:
		return 0, false
	case !utf16.IsSurrogate(r):
		return 6, false
	}
	if low, ok := hex4(text[6:]); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
		return 12, false
	}
	return 6, true
}

// hex4 reads \uXXXX at the front of text.
func hex4(text string) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range []byte(text[2:6]) {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape decodes the inside of a string that was scanned before.
func unescape(in string) string {
	var out strings.Builder
	out.Grow(len(in))
	for {
		i := strings.IndexByte(in, '\\')
		if i < 0 {
			out.WriteString(in)
			return out.String()
		}
		out.WriteString(in[:i])
		in = in[i:]
		n, _ := escape(in)
		switch n {
		case 2:
			out.WriteByte(simple[in[1]])
		case 6:
			r, _ := hex4(in)
			out.WriteRune(r) // a lone surrogate is written as U+FFFD
		default:
			high, _ := hex4(in)
			low, _ := hex4(in[6:])
			out.WriteRune(utf16.DecodeRune(high, low))
		}
		in = in[n:]
	}
}
