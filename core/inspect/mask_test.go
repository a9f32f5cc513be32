package inspect

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMask(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                            "",
		"+447700900123":               "+44******123",
		"+15558675310":                "+15******310",
		"+1555":                       "******",
		"447700900123":                "44******123",
		"12345":                       "******",
		"robert@example.com":          "r******t@example.com",
		"bob@example.com":             "b******b@example.com",
		"al@example.com":              "******@example.com",
		"@example.com":                "******@example.com",
		"a@b@example.com":             "a******b@example.com",
		"whatsapp:+447700900123":      "wh******123",
		"jürgen@example.com":          "j******n@example.com",
		"日本語の宛先です。":                   "日本******です。",
		"dGhpcyBpcyBhIHB1c2ggdG9rZW4": "dG******ZW4",
	} {
		if got := Mask(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestMaskText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":          "",
		"no_events": "no_events",
		"550 5.1.1 <robert@example.com>: unknown":         "550 5.1.1 <r******t@example.com>: unknown",
		"to +447700900123, not +44 7700 900-123":          "to +44******123, not +44******123",
		"code 30003 at 2026-11-23 12:04:05":               "code 30003 at 2026-11-23 12:04:05",
		"wa 447700900123":                                 "wa 44******123",
		"SM0123456789abcdef0123456789abcdef is a message": "SM0123456789abcdef0123456789abcdef is a message",
		"a@b.example,c@d.example":                         "******@b.example,******@d.example",
	} {
		if got := MaskText(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestMaskURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://example.com/offer":                "https://example.com/offer",
		"https://example.com/u?id=7&m=x@y.example": "https://example.com/u?******",
		"https://example.com/u#x":                  "https://example.com/u#******",
		"https://example.com/x@y.example":          "https://example.com/******@y.example",
	} {
		if got := maskURL(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	if got, want := clean("a\x1b[31mb\r\n\u202ec\x00é"), "a\uFFFD[31mb\uFFFD\uFFFD\uFFFDc\uFFFDé"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// I14: whatever an address looks like, its middle does not show.
func FuzzMask(f *testing.F) {
	for _, s := range []string{phone, email, "", "@", "+", "a@", "日本語の宛先です。", "\xff\xfe", "12345678"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Mask(s)
		if s == "" {
			if got != "" {
				t.Fatalf("got %q for nothing", got)
			}
			return
		}
		if !strings.Contains(got, stars) {
			t.Fatalf("%q: got %q, want stars", s, got)
		}
		local, domain := s, ""
		if at := strings.LastIndexByte(s, '@'); at >= 0 {
			local, domain = s[:at], s[at:]
		}
		kept := utf8.RuneCountInString(strings.TrimSuffix(got, domain)) - len(stars)
		if n := utf8.RuneCountInString(local); kept > 0 && kept >= n {
			t.Fatalf("%q: got %q, which keeps %d of %d characters", s, got, kept, n)
		}
		MaskText(s)
		maskURL(s)
	})
}
