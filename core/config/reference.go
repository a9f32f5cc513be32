package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
)

// The types of references: values that stand for a block. They never change.
var (
	sourceType   = referenceTo[Source]("source")
	sinkType     = referenceTo[Sink]("sink")
	lookupType   = referenceTo[Lookup]("lookup")
	pipelineType = referenceTo[Pipeline]("pipeline")
)

// referenceTo makes the type of references to T. Its hash keeps sets of them in
// the order of their addresses.
func referenceTo[T any](kind string) cty.Type {
	return cty.CapsuleWithOps(kind, reflect.TypeFor[T](), &cty.CapsuleOps{HashKey: addressOf})
}

// hasReference reports whether a value is or holds a reference.
func hasReference(v cty.Value) bool {
	v, _ = v.Unmark()
	ty := v.Type()
	switch {
	case ty.IsCapsuleType():
		return true
	case v.IsNull() || !v.IsKnown() || !ty.IsTupleType() && !ty.IsObjectType() && !ty.IsCollectionType():
		return false
	}
	for it := v.ElementIterator(); it.Next(); {
		if _, item := it.Element(); hasReference(item) {
			return true
		}
	}
	return false
}

// referenceRange is where an expression mentions a block.
func referenceRange(e hclsyntax.Expression) hcl.Range {
	for _, t := range e.Variables() {
		if isKind(t.RootName()) {
			return t.SourceRange()
		}
	}
	return e.Range()
}

// references reads an argument that names blocks of one kind: a reference, a
// block with for_each, which is all its instances, or lists of those.
func references[T any](b *body, a *hclsyntax.Attribute, kind string) []*T {
	if a == nil {
		return nil
	}
	items := []hclsyntax.Expression{a.Expr}
	if tuple, ok := a.Expr.(*hclsyntax.TupleConsExpr); ok {
		items = tuple.Exprs
	}
	var out []*T
	complete := true
	for _, e := range items {
		some, ok := referred[T](b, e, kind)
		complete = complete && ok
		for _, target := range some {
			if slices.Contains(out, target) {
				b.report(diag.DuplicateName, e.Range(), "the same "+kind+" twice", "Name it once.")
				continue
			}
			out = append(out, target)
		}
	}
	if complete && len(out) == 0 {
		b.report(diag.MissingArgument, a.Expr.Range(), fmt.Sprintf("%q is empty", a.Name), fmt.Sprintf("Write %s = [%s.TYPE.NAME].", a.Name, kind))
	}
	return out
}

// reference reads an argument that names one block; nil means that it has been
// reported.
func reference[T any](b *body, e hclsyntax.Expression, kind string) *T {
	some, ok := referred[T](b, e, kind)
	if ok && len(some) != 1 {
		b.report(diag.WrongType, e.Range(), fmt.Sprintf("%d %ss where one is expected", len(some), kind), "Name one of them.")
		return nil
	}
	if !ok {
		return nil
	}
	return some[0]
}

// referred evaluates an expression to the blocks it refers to.
func referred[T any](b *body, e hclsyntax.Expression, kind string) ([]*T, bool) {
	no := func(meant string) ([]*T, bool) {
		b.l.used[b.l.mod.address+meant] = true
		b.l.suggest(diag.Error, diag.UnknownReference, e.Range(), b.context, "not a reference to a "+kind,
			fmt.Sprintf("Write %s.TYPE.NAME, without quotes.", kind), meant)
		return nil, false
	}
	if t, diags := hcl.AbsTraversalForExpr(e); !diags.HasErrors() && t.RootName() != kind {
		if root := t.RootName(); isKind(root) || b.l.names[root] == cty.NilVal && !slices.Contains([]string{"var", "local", "each", "module"}, root) {
			return no(diag.Suggest(strings.Join(stepNames(t, len(t)), "."), b.l.references(kind)))
		}
	}
	v, ok := b.l.evalAny(e, b.context)
	if !ok {
		return nil, false
	}
	out, ok := flattened[T](v, nil)
	if !ok {
		return no("")
	}
	for _, target := range out {
		b.l.used[kind+"."+addressOf(target)] = true
	}
	return out, true
}

// flattened collects the references in a value, without nulls. False means that
// it holds something else.
func flattened[T any](v cty.Value, out []*T) ([]*T, bool) {
	v, _ = v.Unmark()
	ty := v.Type()
	switch {
	case v.IsNull():
		return out, true
	case ty.IsCapsuleType():
		target, ok := v.EncapsulatedValue().(*T)
		return append(out, target), ok
	case !ty.IsTupleType() && !ty.IsObjectType() && !ty.IsCollectionType():
		return nil, false
	}
	for it := v.ElementIterator(); it.Next(); {
		_, item := it.Element()
		var ok bool
		if out, ok = flattened(item, out); !ok {
			return nil, false
		}
	}
	return out, true
}

func addressOf(target any) string {
	switch t := target.(type) {
	case *Source:
		return t.Address
	case *Sink:
		return t.Address
	case *Lookup:
		return t.Address
	case *Pipeline:
		return t.Name
	}
	return ""
}
