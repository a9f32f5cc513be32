// Package format writes configuration files in their one canonical form, so
// that a change in a file is a change of what it says.
//
// Indentation and alignment are those of hclwrite. Beyond that lines end in a
// line feed and carry no space at their end, files end in exactly one line
// feed, and blank lines stand one at a time and never just inside of brackets.
// What stands in quotes, heredocs and comments is left as it is, up to the ends
// of a comment's lines.
//
// Invariants:
//   - The result has the same tokens in the same order: it means the same.
//   - Formatting the result changes nothing.
//   - What can't be read as HCL isn't touched.
//
// It does not read or write files.
package format

import (
	"bytes"
	"errors"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
)

// maxPasses bounds how often hclwrite is applied until it changes nothing more.
const maxPasses = 8

// ErrUnstable means that no form was found that keeps the invariants. It's a
// mistake of this package or of hclwrite, not of the file.
var ErrUnstable = errors.New("format: no stable form with the same meaning")

// Source returns the canonical form of a file. If the list has errors the file
// can't be read, and the result is nil. name is the file's in the diagnostics.
func Source(src []byte, name string) ([]byte, diag.List, error) {
	diags := config.CheckSyntax(src, name)
	if diags.HasErrors() {
		return nil, diags, nil
	}
	before, _ := hclsyntax.LexConfig(src, name, hcl.InitialPos)
	out := hclwrite.Format(tidy(src, before))
	for range maxPasses {
		// The result is looked at while hclwrite is asked for its opinion of it:
		// large files are worth both processors.
		sound := make(chan bool, 1)
		go func() {
			after, _ := hclsyntax.LexConfig(out, name, hcl.InitialPos)
			sound <- sameTokens(before, after) && bytes.Equal(tidy(out, after), out)
		}()
		next := hclwrite.Format(out)
		switch ok := <-sound; {
		case !bytes.Equal(next, out):
			out = next
		case ok:
			return out, diags, nil
		default:
			return nil, diags, ErrUnstable
		}
	}
	return nil, diags, ErrUnstable
}

// tidy does what hclwrite leaves: line ends and blank lines.
func tidy(src []byte, tokens hclsyntax.Tokens) []byte {
	t := tidier{out: make([]byte, 0, len(src)+1), atStart: true, afterOpen: true}
	end := 0 // of the token before
	for _, tok := range tokens {
		gap := src[end:tok.Range.Start.Byte]
		end = tok.Range.End.Byte
		t.token(tok, gap)
	}
	t.out = bytes.TrimRight(t.out, "\n")
	if len(t.out) > 0 {
		t.out = append(t.out, '\n')
	}
	return t.out
}

type tidier struct {
	out       []byte
	quoted    int  // depth of quotes and heredocs, which are copied as they are
	atStart   bool // of a line
	afterOpen bool // the line before ended in an opening bracket, or there is none
	blanks    int  // blank lines that wait to be written
	lastOpen  bool // the token before opens a bracket
}

func (t *tidier) token(tok hclsyntax.Token, gap []byte) {
	if t.quoted > 0 {
		t.out = append(append(t.out, gap...), tok.Bytes...)
		switch tok.Type {
		case hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			t.quoted++
		case hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			t.quoted--
			// A heredoc's end takes its line's end with it.
			t.atStart = bytes.HasSuffix(tok.Bytes, []byte("\n"))
		}
		t.lastOpen = false
		return
	}
	switch tok.Type {
	case hclsyntax.TokenNewline:
		t.newline()
		return
	case hclsyntax.TokenEOF:
		return
	}
	t.begin(tok.Type, gap)
	switch tok.Type {
	case hclsyntax.TokenComment:
		t.comment(tok.Bytes)
		return
	case hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
		t.quoted++
	}
	t.out = append(t.out, tok.Bytes...)
	t.lastOpen = opens(tok.Type)
}

// newline ends a line, or remembers a blank one.
func (t *tidier) newline() {
	if t.atStart {
		t.blanks++
		return
	}
	t.out = append(t.out, '\n')
	t.atStart, t.afterOpen, t.lastOpen = true, t.lastOpen, false
}

// begin writes what stands before a token.
func (t *tidier) begin(typ hclsyntax.TokenType, gap []byte) {
	if t.atStart && t.blanks > 0 && !t.afterOpen && !closes(typ) {
		t.out = append(t.out, '\n')
	}
	t.atStart, t.afterOpen, t.blanks = false, false, 0
	t.out = append(t.out, gap...)
}

// comment writes a comment without the spaces at its lines' ends.
func (t *tidier) comment(text []byte) {
	lines := bytes.Split(text, []byte("\n"))
	for i, line := range lines {
		if i > 0 {
			t.out = append(t.out, '\n')
		}
		t.out = append(t.out, bytes.TrimRight(line, " \t\r")...)
	}
	// A comment up to the end of its line takes the line's end with it.
	if len(lines) > 1 && len(lines[len(lines)-1]) == 0 {
		t.atStart = true
		t.afterOpen = t.lastOpen
	}
	t.lastOpen = false
}

func opens(t hclsyntax.TokenType) bool {
	return t == hclsyntax.TokenOBrace || t == hclsyntax.TokenOBrack || t == hclsyntax.TokenOParen
}

func closes(t hclsyntax.TokenType) bool {
	return t == hclsyntax.TokenCBrace || t == hclsyntax.TokenCBrack || t == hclsyntax.TokenCParen
}

// sameTokens reports whether two files say the same: blank lines and the ends
// of comments' lines aside.
func sameTokens(a, b hclsyntax.Tokens) bool {
	i, j := 0, 0
	for {
		i, j = meaningful(a, i), meaningful(b, j)
		if i == len(a) || j == len(b) {
			return i == len(a) && j == len(b)
		}
		if a[i].Type != b[j].Type || !bytes.Equal(essence(a[i]), essence(b[j])) {
			return false
		}
		i, j = i+1, j+1
	}
}

// meaningful is the index of the next token that isn't one newline of several.
func meaningful(tokens hclsyntax.Tokens, i int) int {
	for i < len(tokens) {
		switch tokens[i].Type {
		case hclsyntax.TokenEOF:
			return len(tokens)
		case hclsyntax.TokenNewline:
			if rest := skipNewlines(tokens, i); rest == len(tokens) || i == 0 || endsLine(tokens[i-1]) {
				i = rest
				continue
			}
		}
		return i
	}
	return i
}

func skipNewlines(tokens hclsyntax.Tokens, i int) int {
	for i < len(tokens) && tokens[i].Type == hclsyntax.TokenNewline {
		i++
	}
	if i < len(tokens) && tokens[i].Type == hclsyntax.TokenEOF {
		i = len(tokens)
	}
	return i
}

// endsLine reports whether a newline after the token adds nothing.
func endsLine(t hclsyntax.Token) bool {
	return t.Type == hclsyntax.TokenNewline || bytes.HasSuffix(t.Bytes, []byte("\n")) && t.Type == hclsyntax.TokenComment
}

// essence is a token's text as far as it matters.
func essence(t hclsyntax.Token) []byte {
	switch t.Type {
	case hclsyntax.TokenNewline:
		return nil
	case hclsyntax.TokenComment:
		lines := bytes.Split(bytes.TrimRight(t.Bytes, "\r\n"), []byte("\n"))
		for i, line := range lines {
			lines[i] = bytes.TrimRight(line, " \t\r")
		}
		return bytes.Join(lines, []byte("\n"))
	}
	return t.Bytes
}
