package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

func quote(s string) string { return strconv.Quote(shorten(s, 80)) }

func itoa(n int) string { return strconv.Itoa(n) }

func list(words []string) string { return strings.Join(words, ", ") }

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// shorten cuts s to at most n bytes, between characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

func lowerFirst(s string) string { return mapFirst(s, unicode.ToLower) }

func upperFirst(s string) string { return mapFirst(s, unicode.ToUpper) }

func mapFirst(s string, f func(rune) rune) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(f(r)) + s[size:]
}

var namePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,62}$`)

// validName reports whether s can name a block.
func validName(s string) bool { return namePattern.MatchString(s) }

// blockContext names a block as diagnostics do: source "twilio" "support".
func blockContext(b *hclsyntax.Block) string {
	s := b.Type
	for _, label := range b.Labels {
		s += " " + quote(label)
	}
	return s
}

// before is what stands in front of the first sep.
func before(s, sep string) string {
	out, _, _ := strings.Cut(s, sep)
	return out
}
