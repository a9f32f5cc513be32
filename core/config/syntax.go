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
	if len(data) > maxFileBytes {
		return diag.List{{Code: diag.FileTooLarge, Summary: "can't read " + quote(name), Detail: upperFirst(errTooLarge.Error()) + "."}}
	}
	if d, ok := precheck(data, name); !ok {
		return diag.List{d}
	}
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
	if d, ok := precheck([]byte(text), name); !ok {
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
