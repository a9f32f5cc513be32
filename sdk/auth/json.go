package auth

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonScalar returns the text of the value that path leads to in doc, which must
// be valid JSON: a string decoded, a number or a boolean as it is written. A key
// of the path that stands twice in its object is refused, since readers differ
// in which they take. null counts as absent, like an object or an array.
func jsonScalar(doc []byte, path []string) ([]byte, reason) {
	value := trimSpace(doc)
	for _, step := range path {
		var why reason
		switch value[0] {
		case '{':
			value, why = jsonMember(value, step)
		case '[':
			value, why = jsonElement(value, step)
		default:
			why = missingPart
		}
		if why != "" {
			return nil, why
		}
	}
	switch value[0] {
	case '"':
		text, ok := unquote(value)
		if !ok {
			return nil, malformedBody
		}
		return text, ""
	case '{', '[', 'n':
		return nil, missingPart
	}
	return value, ""
}

// jsonMember returns the value of key in an object.
func jsonMember(object []byte, key string) ([]byte, reason) {
	var found []byte
	rest := trimSpace(object[1:])
	for rest[0] != '}' {
		end := jsonEnd(rest)
		name := rest[:end]
		rest = trimSpace(trimSpace(rest[end:])[1:]) // the colon
		end = jsonEnd(rest)
		text, ok := unquote(name)
		if ok && string(text) == key {
			if found != nil {
				return nil, repeatedParameter
			}
			found = rest[:end]
		}
		rest = jsonNext(rest[end:])
	}
	if found == nil {
		return nil, missingPart
	}
	return found, ""
}

// jsonElement returns the element of an array at step, from 0.
func jsonElement(array []byte, step string) ([]byte, reason) {
	at, err := strconv.Atoi(step)
	if err != nil || at < 0 {
		return nil, missingPart
	}
	rest := trimSpace(array[1:])
	for i := 0; rest[0] != ']'; i++ {
		end := jsonEnd(rest)
		if i == at {
			return rest[:end], ""
		}
		rest = jsonNext(rest[end:])
	}
	return nil, missingPart
}

// jsonNext goes from behind a value to the next one or to the closing bracket.
func jsonNext(rest []byte) []byte {
	rest = trimSpace(rest)
	if rest[0] == ',' {
		rest = trimSpace(rest[1:])
	}
	return rest
}

// jsonEnd returns the length of the value at the beginning of valid JSON. It
// does not recurse, so that depth costs nothing.
func jsonEnd(rest []byte) int {
	switch rest[0] {
	case '"':
		return stringEnd(rest)
	case '{', '[':
		depth := 0
		for i := 0; ; i++ {
			switch rest[i] {
			case '"':
				i += stringEnd(rest[i:]) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	return bytes.IndexAny(rest, ",}] \t\r\n") // it stands in an object or an array
}

// stringEnd returns the length of the string at the beginning of rest.
func stringEnd(rest []byte) int {
	for i := 1; ; i++ {
		switch rest[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

func trimSpace(rest []byte) []byte { return bytes.TrimLeft(rest, " \t\r\n") }

// unquote decodes a valid JSON string. It is false for what has no exact text:
// invalid UTF-8 and half a surrogate pair, which decoders replace or drop.
func unquote(quoted []byte) ([]byte, bool) {
	raw := quoted[1 : len(quoted)-1]
	if !utf8.Valid(raw) {
		return nil, false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw, true
	}
	text := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			text = append(text, raw[i])
			continue
		}
		i++
		if raw[i] != 'u' {
			text = append(text, unescapeByte(raw[i]))
			continue
		}
		r := rune(unhex4(raw[i+1:]))
		i += 4
		if utf16.IsSurrogate(r) {
			if len(raw) < i+7 || raw[i+1] != '\\' || raw[i+2] != 'u' {
				return nil, false
			}
			if r = utf16.DecodeRune(r, rune(unhex4(raw[i+3:]))); r == utf8.RuneError {
				return nil, false
			}
			i += 6
		}
		text = utf8.AppendRune(text, r)
	}
	return text, true
}

func unhex4(digits []byte) uint16 {
	var n uint16
	for _, c := range digits[:4] {
		n = n<<4 | uint16(unhex(c))
	}
	return n
}

// unescapeByte returns what a backslash and c stand for.
func unescapeByte(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c // a quote, a slash, a backslash
}
