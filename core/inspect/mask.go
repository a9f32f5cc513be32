package inspect

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/patchbay-io/patchbay/sdk"
)

// stars replace what is hidden. Their number says nothing about its length.
const stars = "******"

// Mask hides the middle of an address: "+44******123", "r******t@example.com".
// What is too short to keep anything of is hidden whole.
func Mask(s string) string {
	if s == "" {
		return ""
	}
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		return maskMiddle(s[:at], 1, 1, 3) + s[at:]
	}
	if strings.HasPrefix(s, "+") {
		return maskMiddle(s, 3, 3, 9)
	}
	return maskMiddle(s, 2, 3, 9)
}

// maskMiddle keeps head and tail characters of a text of at least least.
func maskMiddle(s string, head, tail, least int) string {
	if utf8.RuneCountInString(s) < least {
		return stars
	}
	r := []rune(s)
	return string(r[:head]) + stars + string(r[len(r)-tail:])
}

// personal finds e-mail addresses and phone numbers inside other text. Digits
// alone count from ten on: shorter ones are codes and counts.
var personal = regexp.MustCompile(`[\pL\pN._%+\-]+@[\pL\pN.\-]+|\+\d[\d().\- ]{5,}\d|\b\d{10,15}\b`)

// MaskText hides the addresses inside a text such as a provider's reason.
func MaskText(s string) string { return personal.ReplaceAllStringFunc(s, Mask) }

// maskURL hides a link's query and fragment, which may name the person who
// followed it.
func maskURL(s string) string {
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		s = s[:i+1] + stars
	}
	return MaskText(s)
}

func (o Options) address(s string) string {
	if o.Reveal {
		return s
	}
	return Mask(s)
}

func (o Options) text(s string) string {
	if o.Reveal {
		return s
	}
	return MaskText(s)
}

func (o Options) attribute(a sdk.Attribute) string {
	switch {
	case o.Reveal:
		return a.Value
	case a.Name == sdk.AttrText:
		return stars
	case a.Name == sdk.AttrURL:
		return maskURL(a.Value)
	}
	return MaskText(a.Value)
}
