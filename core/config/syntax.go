package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchbay-io/patchbay/core/diag"
)

// MaxFileBytes is the size of the largest file that is read as configuration.
const MaxFileBytes = maxFileBytes

// CheckSyntax reports what keeps a file from being read, whatever it says: its
// encoding, nesting and syntax. The limits hold before it is parsed (I12). name
// is the file's in the diagnostics.
func CheckSyntax(data []byte, name string) diag.List {
	if _, out := Lex(data, name); out.HasErrors() {
		return out
	}
	return CheckLexed(data, name)
}

// Lex is the part of CheckSyntax that comes before parsing. It returns the
// tokens that it looked at, if the list has no errors.
func Lex(data []byte, name string) (hclsyntax.Tokens, diag.List) {
	if len(data) > maxFileBytes {
		return nil, diag.List{{Code: diag.FileTooLarge, Summary: "can't read " + quote(name), Detail: upperFirst(errTooLarge.Error()) + "."}}
	}
	tokens, d, ok := precheck(data, name)
	if !ok {
		return nil, diag.List{d}
	}
	return tokens, nil
}

// CheckLexed is the rest of CheckSyntax, for data that Lex found no errors in.
func CheckLexed(data []byte, name string) diag.List {
	_, found := hclsyntax.ParseConfig(data, name, hcl.InitialPos)
	var out diag.List
	for _, d := range found {
		out = append(out, syntaxProblem(d))
	}
	return out
}

// ParseExpression parses one expression, within the limits that hold for files.
// The result is nil if the list has errors. name and line say where it stands.
func ParseExpression(text, name string, line int) (hclsyntax.Expression, diag.List) {
	if _, d, ok := precheck([]byte(text), name); !ok {
		return nil, diag.List{d}
	}
	e, found := hclsyntax.ParseExpression([]byte(text), name, hcl.Pos{Line: line, Column: 1})
	var out diag.List
	for _, d := range found {
		out = append(out, syntaxProblem(d))
	}
	if out.HasErrors() {
		return nil, out
	}
	return e, out
}
