package expr

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Text writes the condition in one form, whatever its layout, with the static
// values that it uses in place of their names: two conditions with the same text
// mean the same. Nil is "".
func (b *Bool) Text() string {
	if b == nil {
		return ""
	}
	return b.text
}

// Text writes the value in one form, like Bool.Text.
func (s *String) Text() string {
	if s == nil {
		return ""
	}
	return s.text
}

// writeText writes an expression that was compiled without errors.
func (c *compiler) writeText(e hcl.Expression) string {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		return valueText(e.Val)
	case *hclsyntax.ParenthesesExpr:
		return "(" + c.writeText(e.Expression) + ")"
	case *hclsyntax.TemplateWrapExpr:
		return c.writeText(e.Wrapped)
	case *hclsyntax.TemplateExpr:
		return c.templateText(e)
	case *hclsyntax.ScopeTraversalExpr:
		return c.traversalText(e.Traversal)
	case *hclsyntax.UnaryOpExpr:
		return operatorText(e.Op) + c.writeText(e.Val)
	case *hclsyntax.BinaryOpExpr:
		return c.writeText(e.LHS) + " " + operatorText(e.Op) + " " + c.writeText(e.RHS)
	case *hclsyntax.ConditionalExpr:
		return c.writeText(e.Condition) + " ? " + c.writeText(e.TrueResult) + " : " + c.writeText(e.FalseResult)
	case *hclsyntax.TupleConsExpr:
		return "[" + c.listText(e.Exprs) + "]"
	case *hclsyntax.FunctionCallExpr:
		return e.Name + "(" + c.listText(e.Args) + ")"
	}
	return c.otherText(e)
}

// otherText tells a kind of expression that has no form here by its place, and
// by the values that it could use: it may be told apart from itself when it was
// only moved, never taken for one that means something else.
func (c *compiler) otherText(e hcl.Expression) string {
	r := e.Range()
	out := fmt.Sprintf("%s@%s:%d-%d", describe(e), r.Filename, r.Start.Byte, r.End.Byte)
	for _, t := range e.Variables() {
		out += " " + c.traversalText(t)
	}
	return out
}

func (c *compiler) listText(es []hclsyntax.Expression) string {
	parts := make([]string, len(es))
	for i, e := range es {
		parts[i] = c.writeText(e)
	}
	return strings.Join(parts, ", ")
}

func (c *compiler) templateText(e *hclsyntax.TemplateExpr) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, part := range e.Parts {
		if lit, ok := part.(*hclsyntax.LiteralValueExpr); ok && lit.Val.Type() == cty.String && !lit.Val.IsNull() {
			text := fmt.Sprintf("%q", lit.Val.AsString())
			b.WriteString(strings.ReplaceAll(text[1:len(text)-1], "${", "$${"))
			continue
		}
		b.WriteString("${" + c.writeText(part) + "}")
	}
	b.WriteByte('"')
	return b.String()
}

// traversalText writes a reference to the event as it is, one to a static value
// as that value.
func (c *compiler) traversalText(t hcl.Traversal) string {
	if root, ok := c.scope.Static[t.RootName()]; ok {
		if v, diags := t[1:].TraverseRel(root); !diags.HasErrors() {
			return valueText(v)
		}
	}
	var b strings.Builder
	b.WriteString(t.RootName())
	for _, s := range t[1:] {
		switch s := s.(type) {
		case hcl.TraverseAttr:
			b.WriteString("." + s.Name)
		case hcl.TraverseIndex:
			b.WriteString("[" + valueText(s.Key) + "]")
		}
	}
	return b.String()
}

// valueText writes a constant. A marked value is refused where it is used.
func valueText(v cty.Value) string {
	v, _ = v.UnmarkDeep()
	switch {
	case !v.IsKnown():
		return "unknown"
	case v.IsNull():
		return "null"
	case v.Type() == cty.String:
		return fmt.Sprintf("%q", v.AsString())
	case v.Type() == cty.Bool:
		return fmt.Sprint(v.True())
	case v.Type() == cty.Number:
		return v.AsBigFloat().Text('g', -1)
	case v.Type().IsMapType() || v.Type().IsObjectType():
		m := v.AsValueMap()
		parts := make([]string, 0, len(m))
		for _, k := range slices.Sorted(maps.Keys(m)) {
			parts = append(parts, fmt.Sprintf("%q = %s", k, valueText(m[k])))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case v.CanIterateElements():
		var parts []string
		for _, e := range v.AsValueSlice() {
			parts = append(parts, valueText(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return v.GoString()
}

// operatorText is the operator as it is written.
func operatorText(op *hclsyntax.Operation) string {
	switch op {
	case hclsyntax.OpLogicalOr:
		return "||"
	case hclsyntax.OpLogicalAnd:
		return "&&"
	case hclsyntax.OpLogicalNot:
		return "!"
	case hclsyntax.OpEqual:
		return "=="
	case hclsyntax.OpNotEqual:
		return "!="
	case hclsyntax.OpGreaterThan:
		return ">"
	case hclsyntax.OpGreaterThanOrEqual:
		return ">="
	case hclsyntax.OpLessThan:
		return "<"
	case hclsyntax.OpLessThanOrEqual:
		return "<="
	case hclsyntax.OpAdd:
		return "+"
	case hclsyntax.OpSubtract, hclsyntax.OpNegate:
		return "-"
	case hclsyntax.OpMultiply:
		return "*"
	case hclsyntax.OpDivide:
		return "/"
	case hclsyntax.OpModulo:
		return "%"
	}
	return "?"
}
