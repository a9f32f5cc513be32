package twilio

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// maxParams is how many parameters a form may have. Twilio's largest, inbound
// WhatsApp messages with media, stay well under 100.
const maxParams = 512

// param is one decoded parameter.
type param struct {
	key, value string
}

var (
	errEscape   = errors.New("a percent sign without two hexadecimal digits")
	errRepeated = errors.New("a parameter occurs twice")
	errTooMany  = errors.New("too many parameters")
)

// parseForm decodes a form into list. A parameter of Twilio's that occurs twice
// is an error: Twilio sends none, and whichever were taken, others could take
// the other. own tells Twilio's parameters.
func parseForm(list []param, raw string, own func(key string) bool) ([]param, error) {
	for more := raw != ""; more; {
		var item string
		item, raw, more = strings.Cut(raw, "&")
		if item == "" {
			continue
		}
		key, value, _ := strings.Cut(item, "=")
		key, ok1 := unescape(key)
		value, ok2 := unescape(value)
		switch _, known := lookup(list, key); {
		case !ok1 || !ok2:
			return list, errEscape
		case known && own(key):
			return list, errRepeated
		case len(list) == maxParams:
			return list, errTooMany
		}
		list = append(list, param{key, value})
	}
	return list, nil
}

// parseTags decodes the parameters that a sender added to the URL. They are the
// sender's own words, and no reason to lose an event: what cannot be decoded
// stays as it is, and several values of a name are joined by commas.
func parseTags(list []param, raw string) []param {
	for more := raw != ""; more; {
		var item string
		item, raw, more = strings.Cut(raw, "&")
		key, value, _ := strings.Cut(item, "=")
		if k, ok := unescape(key); ok {
			key = k
		}
		if v, ok := unescape(value); ok {
			value = v
		}
		if key == "" || len(list) == maxParams {
			continue
		}
		list = addTag(list, strings.ToValidUTF8(key, "\uFFFD"), strings.ToValidUTF8(value, "\uFFFD"))
	}
	return list
}

// bodyDigest is the parameter that Twilio adds to the URL of a JSON request.
const bodyDigest = "bodySHA256"

func addTag(list []param, key, value string) []param {
	if key == bodyDigest {
		return list
	}
	for i := range list {
		if list[i].key == key {
			list[i].value += "," + value
			return list
		}
	}
	return append(list, param{key, value})
}

func lookup(list []param, key string) (string, bool) {
	for i := range list {
		if list[i].key == key {
			return list[i].value, true
		}
	}
	return "", false
}

// unescape decodes one key or value. Bytes that are not UTF-8 become U+FFFD, as
// the strings of an event must be text; the payload keeps them.
func unescape(raw string) (string, bool) {
	plain := 0 // most texts are plain, and short
	for plain < len(raw) && raw[plain] != '%' && raw[plain] != '+' && raw[plain] < utf8.RuneSelf {
		plain++
	}
	if plain == len(raw) {
		return raw, true
	}
	buf := make([]byte, 0, len(raw))
	buf = append(buf, raw[:plain]...)
	for i := plain; i < len(raw); i++ {
		switch c := raw[i]; c {
		case '+':
			buf = append(buf, ' ')
		case '%':
			if i+2 >= len(raw) {
				return raw, false
			}
			hi, lo := unhex(raw[i+1]), unhex(raw[i+2])
			if hi > 15 || lo > 15 {
				return raw, false
			}
			buf = append(buf, hi<<4|lo)
			i += 2
		default:
			buf = append(buf, c)
		}
	}
	return strings.ToValidUTF8(string(buf), "\uFFFD"), true
}

// unhex returns the value of a hexadecimal digit, 255 if it is none.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
