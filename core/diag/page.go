package diag

import (
	"fmt"
	"io"
	"strings"
)

// WritePage writes the reference page of all codes as Markdown.
func WritePage(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Codes\n\n" +
		"What each code means and how to mend it, as `patchbay help CODE` says it. This page is generated: `make generate`.\n")
	group := ""
	for _, code := range Codes() {
		if title := Group(code); title != group {
			group = title
			fmt.Fprintf(&b, "\n## %s\n", title)
		}
		text, _ := Explain(code)
		fmt.Fprintf(&b, "\n### %s\n\n%s\n", code, text)
		if x, ok := ExampleOf(code); ok {
			fmt.Fprintf(&b, "\n```hcl\n# wrong\n%s\n# right\n%s\n```\n", x.Wrong, x.Right)
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("diag: write: %w", err)
	}
	return nil
}

// Group names what the codes that begin like code have in common.
func Group(code Code) string {
	for _, g := range [...]struct{ prefix, title string }{
		{"PB20", "Files and syntax"},
		{"PB21", "Blocks, arguments and references"},
		{"PB22", "Expressions"},
		{"PB23", "Secrets"},
		{"PB24", "Plugins"},
		{"PB25", "What a valid configuration does not guarantee"},
		{"PB26", "Tests"},
	} {
		if strings.HasPrefix(string(code), g.prefix) {
			return g.title
		}
	}
	return "Others"
}

// Heading is the first sentence of a code's explanation.
func Heading(code Code) string {
	text, _ := Explain(code)
	if i := strings.Index(text, ". "); i >= 0 {
		return text[:i+1]
	}
	return text
}
