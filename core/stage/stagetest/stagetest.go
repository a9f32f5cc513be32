// Package stagetest makes what the tests of stages begin with: compiled
// expressions, from their text.
package stagetest

import (
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/patchbay-io/patchbay/core/expr"
)

// Condition compiles a condition over an event, or ends the test.
func Condition(t testing.TB, text string) *expr.Bool {
	t.Helper()
	b, diags := expr.CompileBool(parse(t, text), expr.Scope{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return b
}

// Value compiles a text over an event and what a lookup found, or ends the test.
func Value(t testing.TB, text string) *expr.String {
	t.Helper()
	s, diags := expr.CompileString(parse(t, text), expr.Scope{Found: true})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return s
}

func parse(t testing.TB, text string) hclsyntax.Expression {
	t.Helper()
	e, diags := hclsyntax.ParseExpression([]byte(text), "t.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return e
}
