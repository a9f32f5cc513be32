package diag

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// snippetWidth is how many characters of a source line are shown. Longer lines
// are cut around the place at fault.
const snippetWidth = 160

// WriteText renders the list for a person. sources are the files' contents by
// the names in the ranges; a diagnostic of another file has no snippet.
func (l List) WriteText(w io.Writer, sources map[string][]byte) error {
	b := bufio.NewWriter(w)
	for i := range l {
		if i > 0 {
			b.WriteByte('\n')
		}
		l[i].writeText(b, sources)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("diag: write: %w", err)
	}
	return nil
}

// Text is WriteText into a string.
func (l List) Text(sources map[string][]byte) string {
	var b strings.Builder
	_ = l.WriteText(&b, sources) // a strings.Builder doesn't fail
	return b.String()
}

func (d *Diagnostic) writeText(b *bufio.Writer, sources map[string][]byte) {
	severity := "Error"
	switch d.Severity {
	case Warning:
		severity = "Warning"
	case Note:
		severity = "Note"
	}
	fmt.Fprintf(b, "%s %s: %s\n", severity, d.Code, clean(d.Summary))
	switch {
	case d.Subject != nil:
		fmt.Fprintf(b, "  on %s line %d", clean(d.Subject.Filename), d.Subject.Start.Line)
		if d.Context != "" {
			fmt.Fprintf(b, ", in %s", clean(d.Context))
		}
		line, mark, ok := snippet(d.Subject, sources[d.Subject.Filename])
		if !ok {
			b.WriteByte('\n')
			break
		}
		b.WriteString(":\n")
		prefix := fmt.Sprintf("%4d: ", d.Subject.Start.Line)
		fmt.Fprintf(b, "%s%s\n", prefix, line)
		if mark != "" {
			fmt.Fprintf(b, "%*s%s\n", len(prefix), "", mark)
		}
	case d.Context != "":
		fmt.Fprintf(b, "  in %s\n", clean(d.Context))
	}
	if text := d.advice(); text != "" {
		fmt.Fprintf(b, "  %s\n", clean(text))
	}
}

// advice is the detail together with the suggestion.
func (d *Diagnostic) advice() string {
	if d.Suggestion == "" {
		return d.Detail
	}
	return strings.TrimLeft(d.Detail+" ", " ") + fmt.Sprintf("Did you mean %q?", d.Suggestion)
}

// snippet returns the subject's first line and the tildes under it.
func snippet(r *hcl.Range, source []byte) (line, mark string, ok bool) {
	if source == nil || r.Start.Byte < 0 || r.Start.Byte > len(source) {
		return "", "", false
	}
	begin := bytes.LastIndexByte(source[:r.Start.Byte], '\n') + 1
	end := len(source)
	if i := bytes.IndexByte(source[r.Start.Byte:], '\n'); i >= 0 {
		end = r.Start.Byte + i
	}
	stop := min(max(r.End.Byte, r.Start.Byte), end)
	before, cutLeft := lastRunes(source[begin:r.Start.Byte], snippetWidth/2)
	subject, cutSubject := firstRunes(bytes.TrimRight(source[r.Start.Byte:stop], "\r"), snippetWidth/2)
	var after string
	var cutRight bool
	if !cutSubject {
		after, cutRight = firstRunes(bytes.TrimRight(source[stop:end], " \t\r"), snippetWidth/4)
	}
	if cutLeft {
		before = "…" + before
	}
	if cutSubject || cutRight {
		after += "…"
	}
	marks := max(utf8.RuneCountInString(subject), 1)
	// Tabs stay in the padding, so that the mark stands where it should
	// whatever a tab's width.
	pad := strings.Map(func(c rune) rune {
		if c == '\t' {
			return c
		}
		return ' '
	}, before)
	return before + subject + after, pad + strings.Repeat("~", marks), true
}

func firstRunes(b []byte, n int) (s string, cut bool) {
	i := 0
	for ; n > 0 && i < len(b); n-- {
		_, size := utf8.DecodeRune(b[i:])
		i += size
	}
	return cleanLine(string(b[:i])), i < len(b)
}

func lastRunes(b []byte, n int) (s string, cut bool) {
	i := len(b)
	for ; n > 0 && i > 0; n-- {
		_, size := utf8.DecodeLastRune(b[:i])
		i -= size
	}
	return cleanLine(string(b[i:])), i > 0
}

// clean replaces what could steer a terminal or break out of its line.
func clean(s string) string {
	return strings.Map(func(c rune) rune {
		if c == '\t' || c == '\n' {
			return ' '
		}
		return visible(c)
	}, s)
}

// cleanLine is clean for a source line, where tabs keep their place.
func cleanLine(s string) string {
	return strings.Map(func(c rune) rune {
		if c == '\t' {
			return c
		}
		return visible(c)
	}, s)
}

func visible(c rune) rune {
	// Cf holds the characters that reorder text, which could hide what is
	// really written.
	if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || c == '\u2028' || c == '\u2029' {
		return utf8.RuneError
	}
	return c
}
