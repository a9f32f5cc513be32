package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchbay-io/patchbay/core/diag"
)

// The limits of input, applied before it is parsed (I12): HCL's parser has none.
const (
	maxFileBytes  = 4 << 20
	maxTotalBytes = 64 << 20
	maxFiles      = 1000
	maxNesting    = 200
	maxOperators  = 2000 // side by side: the parser nests them
)

// testSuffix ends the names of files that hold tests alone.
const testSuffix = ".test.hcl"

// list returns the names of the configuration files in a directory, which is
// relative to the configuration's, in order.
func (r *run) list(dir string) []string {
	shown := r.display(dir)
	entries, err := r.readDir(dir)
	if err != nil {
		r.noPlace(diag.FileUnreadable, fmt.Sprintf("can't read directory %q", shown), cause(err))
		return nil
	}
	var names []string
	for _, e := range entries {
		n := e.Name()
		if e.IsDir() || strings.HasPrefix(n, ".") || !strings.HasSuffix(n, ".hcl") || strings.HasSuffix(n, testSuffix) && !r.opts.Tests || strings.HasSuffix(n, ".vars.hcl") {
			continue
		}
		names = append(names, n)
	}
	sort.Strings(names)
	if len(names) == 0 {
		r.noPlace(diag.Empty, fmt.Sprintf("no configuration in %q", shown), "A configuration is a directory with files whose names end in .hcl.")
	}
	if len(names) > maxFiles {
		r.noPlace(diag.FileTooLarge, "too many files", fmt.Sprintf("A directory may hold %d configuration files.", maxFiles))
		names = nil
	}
	return names
}

// readDir lists a directory that lies within the configuration's.
func (r *run) readDir(dir string) ([]fs.DirEntry, error) {
	if r.root == nil {
		return nil, r.rootErr
	}
	return fs.ReadDir(r.root.FS(), filepath.ToSlash(filepath.Clean(dir)))
}

func (r *run) noPlace(code diag.Code, summary, detail string) {
	r.diags = append(r.diags, diag.Diagnostic{Code: code, Summary: summary, Detail: detail})
}

// cause is an error of the file system without the path, which the message has.
func cause(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return upperFirst(err.Error()) + "."
}

// parse reads and parses a file, whose name is relative to the configuration's
// directory. It returns nil if nothing of it can be used.
func (r *run) parse(name string) *hclsyntax.Body {
	data, err := r.readConfined(name, maxFileBytes)
	if err != nil {
		r.unreadable(r.display(name), err)
		return nil
	}
	return r.parseText(data, r.display(name))
}

func (r *run) unreadable(display string, err error) {
	code := diag.FileUnreadable
	if errors.Is(err, errTooLarge) {
		code = diag.FileTooLarge
	}
	r.noPlace(code, fmt.Sprintf("can't read %q", display), cause(err))
	r.broken[display] = true
}

// parseText parses what has been read of a file.
func (r *run) parseText(data []byte, display string) *hclsyntax.Body {
	r.bytesRead += len(data)
	if r.bytesRead > maxTotalBytes {
		r.unreadable(display, errTooMuch)
		return nil
	}
	r.cfg.Files[display] = data
	if _, d, ok := precheck(data, display); !ok {
		r.diags = append(r.diags, d)
		r.broken[display] = true
		return nil
	}
	file, diags := hclsyntax.ParseConfig(data, display, hcl.InitialPos)
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			r.broken[display] = true
		}
		r.diags = append(r.diags, syntaxProblem(d))
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return nil
	}
	return body
}

// maxSyntaxText bounds what is repeated of the parser's messages.
const maxSyntaxText = 600

// syntaxProblem turns a finding of HCL's parser into one of ours.
func syntaxProblem(d *hcl.Diagnostic) diag.Diagnostic {
	out := diag.Diagnostic{
		Code: diag.Syntax, Summary: lowerFirst(strings.TrimSuffix(d.Summary, ".")), Detail: shorten(d.Detail, maxSyntaxText), Subject: d.Subject,
	}
	if d.Severity == hcl.DiagWarning {
		out.Severity = diag.Warning
	}
	switch d.Summary {
	case "Attribute redefined":
		out.Code, out.Summary = diag.DuplicateName, "argument set twice"
	case "Invalid single-argument block definition":
		out.Summary = "several arguments in a block on one line"
		out.Detail = "A block on one line holds at most one argument. Give each argument a line of its own between { and }."
	}
	return out
}

var (
	errTooLarge = errors.New("the file is too large")
	errTooMuch  = fmt.Errorf("%w: all files together may have %d MiB", errTooLarge, maxTotalBytes>>20)
)

// readConfined reads a regular file that lies within the configuration's
// directory, links included.
func (r *run) readConfined(name string, limit int64) ([]byte, error) {
	if r.root == nil {
		return nil, r.rootErr
	}
	info, err := r.root.Stat(name) // before opening: opening a pipe would block
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := r.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readLimited(f, limit)
}

func readLimited(f io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, errTooLarge
	}
	return data, nil
}

// precheck refuses what the parser must not see, and otherwise returns its tokens.
func precheck(data []byte, filename string) (hclsyntax.Tokens, diag.Diagnostic, bool) {
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return nil, diag.Diagnostic{
			Code: diag.BadEncoding, Summary: "the file starts with a byte order mark", Detail: "Save it as UTF-8 without one.",
			Subject: &hcl.Range{Filename: filename, Start: hcl.InitialPos, End: hcl.Pos{Line: 1, Column: 1, Byte: 3}},
		}, false
	}
	if !utf8.Valid(data) {
		at := invalidByte(data)
		return nil, diag.Diagnostic{
			Code: diag.BadEncoding, Summary: "the file is not UTF-8", Detail: fmt.Sprintf("Byte 0x%02x can't stand here. Save the file as UTF-8.", data[at.Byte]),
			Subject: &hcl.Range{Filename: filename, Start: at, End: hcl.Pos{Line: at.Line, Column: at.Column + 1, Byte: at.Byte + 1}},
		}, false
	}
	tokens, _ := hclsyntax.LexConfig(data, filename, hcl.InitialPos) // the parser reports what is wrong with them
	d, ok := checkNesting(tokens)
	return tokens, d, ok
}

func invalidByte(data []byte) hcl.Pos {
	pos := hcl.InitialPos
	for pos.Byte < len(data) {
		r, size := utf8.DecodeRune(data[pos.Byte:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		pos.Byte += size
		pos.Column++
		if r == '\n' {
			pos.Line, pos.Column = pos.Line+1, 1
		}
	}
	return pos
}

// level is an open bracket, and how many operators stand in it since the last
// separator.
type level struct {
	braces    bool // newlines separate what is in it
	operators int
}

// checkNesting counts brackets and operators as the parser would nest them.
func checkNesting(tokens hclsyntax.Tokens) (diag.Diagnostic, bool) {
	stack := []level{{braces: true}}
	for _, t := range tokens {
		top := &stack[len(stack)-1]
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote,
			hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			if t.Type == hclsyntax.TokenOBrack || t.Type == hclsyntax.TokenTemplateControl {
				top.operators++ // the parser nests a[b][c] and %{if}%{if} too
			}
			stack = append(stack, level{braces: t.Type == hclsyntax.TokenOBrace})
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote,
			hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			if len(stack) > 1 {
				stack = stack[:len(stack)-1]
			}
		case hclsyntax.TokenNewline:
			if top.braces {
				top.operators = 0
			}
		case hclsyntax.TokenComma:
			top.operators = 0
		default:
			if isOperator(t.Type) {
				top.operators++
			}
		}
		if len(stack) > maxNesting || stack[len(stack)-1].operators > maxOperators {
			rng := t.Range
			return diag.Diagnostic{
				Code: diag.TooDeep, Summary: "nested too deeply", Subject: &rng,
				Detail: fmt.Sprintf("Brackets and blocks may be nested %d deep, with %d operators side by side.", maxNesting, maxOperators),
			}, false
		}
	}
	return diag.Diagnostic{}, true
}

func isOperator(t hclsyntax.TokenType) bool {
	switch t {
	case hclsyntax.TokenStar, hclsyntax.TokenSlash, hclsyntax.TokenPlus, hclsyntax.TokenMinus, hclsyntax.TokenPercent,
		hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual, hclsyntax.TokenLessThan, hclsyntax.TokenLessThanEq,
		hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq, hclsyntax.TokenAnd, hclsyntax.TokenOr,
		hclsyntax.TokenBang, hclsyntax.TokenQuestion, hclsyntax.TokenColon:
		return true
	}
	return false
}
