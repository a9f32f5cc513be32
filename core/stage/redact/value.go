package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"unicode/utf8"

	"github.com/patchbay-io/patchbay/core/config"
)

// hidden stands for what is taken out of the middle of a text.
const hidden = "***"

// tokens makes tokens with a key.
type tokens struct {
	key  []byte
	mark string // of the key
}

var lower32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newTokens derives what it needs, so that the mark tells nothing of a token.
func newTokens(key []byte) *tokens {
	if len(key) == 0 {
		return nil
	}
	return &tokens{key: sum(key, "patchbay token 1"), mark: lower32.EncodeToString(sum(key, "patchbay key mark 1"))[:4]}
}

func sum(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// of is the token of a value: tok_, four letters for the key, 128 bit. It is the
// same for all spellings of an address.
func (t *tokens) of(value string) string {
	return "tok_" + t.mark + "_" + lower32.EncodeToString(sum(t.key, canonical(value))[:16])
}

// canonical is the same for spellings that mean the same: a telephone number's
// digits, an e-mail address in small letters, any other text as it is.
func canonical(v string) string {
	v = strings.TrimSpace(v)
	if d := digits(v); d != "" {
		return d
	}
	if strings.Contains(v, "@") {
		return strings.ToLower(v)
	}
	return v
}

// leastDigits is how many digits a text needs to be taken for a telephone number.
const leastDigits = 7

// digits are the digits of a telephone number in international form, without + and
// 00; empty if v is none. A prefix such as whatsapp: or tel: is no part of it.
func digits(v string) string {
	if i := strings.LastIndexByte(v, ':'); i >= 0 && isLetters(v[:i]) {
		v = v[i+1:]
	}
	var out strings.Builder
	for i := range len(v) {
		switch c := v[i]; {
		case c >= '0' && c <= '9':
			out.WriteByte(c)
		case c == '+' && i == 0:
		case i > 0 && strings.IndexByte(" -.()", c) >= 0:
		default:
			return ""
		}
	}
	d := strings.TrimPrefix(out.String(), "00")
	if len(d) < leastDigits {
		return ""
	}
	return d
}

func isLetters(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return s != ""
}

// mask keeps what people need to recognise a value: +44******123,
// j***@example.com, the first character of anything else. What is too short to
// keep anything of is hidden whole.
func mask(v string) string {
	if at := strings.LastIndexByte(v, '@'); at >= 0 {
		return head(v[:at]) + v[at:]
	}
	if digits(v) != "" {
		r := []rune(v)
		if len(r) < 9 {
			return hidden
		}
		return string(r[:3]) + "******" + string(r[len(r)-3:])
	}
	return head(v)
}

func head(v string) string {
	if utf8.RuneCountInString(v) < 3 {
		return hidden
	}
	_, n := utf8.DecodeRuneInString(v)
	return v[:n] + hidden
}

// replacement is what stands in a value's place.
func (s *Stage) replacement(action, value string) string {
	switch {
	case value == "" || action == config.Drop:
		return ""
	case action == config.Mask:
		return mask(value)
	}
	return s.tokens.of(value)
}
