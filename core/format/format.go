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
	"runtime"
	"sync"
	"sync/atomic"

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
	tokens, diags := config.Lex(src, name)
	if diags.HasErrors() {
		return nil, diags, nil
	}
	// What can't be parsed is formatted in vain, which does no harm: hclwrite
	// does not recur.
	checked := make(chan diag.List, 1)
	go func() { checked <- config.CheckLexed(src, name) }()
	out, ok := inPieces(src, name, tokens)
	diags = <-checked
	if diags.HasErrors() {
		return nil, diags, nil
	}
	if !ok {
		return nil, diags, ErrUnstable
	}
	return out, diags, nil
}

// inPieces formats the pieces of a file side by side and puts them together.
func inPieces(src []byte, name string, tokens hclsyntax.Tokens) ([]byte, bool) {
	parts := split(tokens)
	outs := make([][]byte, len(parts))
	var next, failed atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(parts)) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(parts) {
					return
				}
				var ok bool
				if outs[i], ok = piece(src, name, parts[i].tokens); !ok {
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	var out []byte
	apart := false
	for i, o := range outs {
		apart = apart || parts[i].apart
		if len(o) == 0 {
			continue
		}
		if apart && len(out) > 0 {
			out = append(out, '\n')
		}
		out, apart = append(out, o...), false
	}
	return out, failed.Load() == 0
}

// pieceSize is about how many bytes are formatted at a time: hclwrite's time and
// memory grow faster than what it is given.
const pieceSize = 16 << 10

// part is a piece of a file; apart says that a blank line stands before it.
type part struct {
	tokens hclsyntax.Tokens
	apart  bool
}

// split cuts a file outside of all brackets, at a blank line or after a block's
// closing brace on a line of its own: nothing is aligned across either.
func split(tokens hclsyntax.Tokens) []part {
	var out []part
	begin, depth, apart := 0, 0, false
	for i, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote,
			hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			depth++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote,
			hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			depth--
		case hclsyntax.TokenNewline:
			if depth != 0 || i == 0 || t.Range.Start.Byte-tokens[begin].Range.Start.Byte <= pieceSize {
				continue
			}
			blank := endsLine(tokens[i-1])
			block := i > 1 && tokens[i-1].Type == hclsyntax.TokenCBrace && endsLine(tokens[i-2]) &&
				i+1 < len(tokens) && tokens[i+1].Type == hclsyntax.TokenIdent
			if blank || block {
				out = append(out, part{tokens[begin : i+1], apart})
				begin, apart = i+1, blank
			}
		}
	}
	return append(out, part{tokens[begin:], apart})
}

// piece formats a part of a file that begins at the begin of a line.
func piece(src []byte, name string, before hclsyntax.Tokens) ([]byte, bool) {
	if len(before) == 0 {
		return nil, true
	}
	out := tidy(src, before)
	for range maxPasses + 1 {
		next := hclwrite.Format(out)
		if !bytes.Equal(next, out) {
			out = next
			continue
		}
		if bytes.Equal(withoutEnd(out), withoutEnd(text(src, before))) {
			return out, true // it was in its form, or has only lost blank lines at its end
		}
		after, _ := hclsyntax.LexConfig(out, name, hcl.InitialPos)
		return out, sameTokens(before, after) && bytes.Equal(tidy(out, after), out)
	}
	return nil, false
}

func withoutEnd(text []byte) []byte { return bytes.TrimRight(text, "\n") }

// text is what stands from the begin of the tokens' first line to their end.
func text(src []byte, tokens hclsyntax.Tokens) []byte {
	return src[lineStart(src, tokens[0].Range.Start.Byte):tokens[len(tokens)-1].Range.End.Byte]
}

// tidy does what hclwrite leaves, line ends and blank lines, to the tokens of a
// file or of a piece of it.
func tidy(src []byte, tokens hclsyntax.Tokens) []byte {
	t := tidier{atStart: true, afterOpen: true}
	end := 0 // of the token before
	for i, tok := range tokens {
		if i == 0 {
			end = lineStart(src, tok.Range.Start.Byte)
			t.out = make([]byte, 0, tokens[len(tokens)-1].Range.End.Byte-end+1)
		}
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

// lineStart is where the line of an offset begins.
func lineStart(src []byte, offset int) int { return bytes.LastIndexByte(src[:offset], '\n') + 1 }

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
