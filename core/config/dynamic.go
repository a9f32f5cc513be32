package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/patchbay-io/patchbay/core/diag"
)

// ownScope is the scope of a block that a dynamic block became.
type ownScope struct {
	loader *loader
	note   string // ` (stage.key "a")`
}

// undynamic returns a body in which dynamic blocks are replaced by the blocks
// they stand for, in the same place.
func (l *loader) undynamic(in *hclsyntax.Body, context string) *hclsyntax.Body {
	found := false
	for _, b := range in.Blocks {
		found = found || b.Type == "dynamic"
	}
	if !found {
		return in
	}
	out := *in
	out.Blocks = nil
	for _, b := range in.Blocks {
		if b.Type == "dynamic" {
			out.Blocks = append(out.Blocks, l.dynamic(b, context)...)
		} else {
			out.Blocks = append(out.Blocks, b)
		}
	}
	return &out
}

// dynamic returns the blocks that a dynamic block stands for. What is wrong
// with it is reported.
func (l *loader) dynamic(block *hclsyntax.Block, context string) []*hclsyntax.Block {
	const example = `dynamic "BLOCK" { for_each = ... }`
	if !l.name(block, 1, example) {
		return nil
	}
	typ := block.Labels[0]
	b := &body{l: l, syn: block.Body, header: block.DefRange(), context: context + ", dynamic " + quote(typ)}
	each := b.require("for_each", "Write for_each = and a list, a set, a map or an object.")
	iterator := b.iterator(typ)
	labels := b.take("labels")
	contents := b.takeBlocks("content")
	b.done()
	if len(contents) != 1 {
		rng := b.header
		if len(contents) > 1 {
			rng = contents[1].DefRange()
		}
		b.report(diag.MissingArgument, rng, "dynamic needs one content block", "Write content { ... } with the arguments of "+typ+".")
		return nil
	}
	if each == nil || iterator == "" {
		return nil
	}
	items, ok := l.items(each, b.context)
	if !ok || !l.count(len(items), each.Expr.Range(), b.context) {
		return nil
	}
	var out []*hclsyntax.Block
	for _, item := range items {
		scope := l.with(iterator, item[0], item[1])
		made, ok := scope.content(block, contents[0], labels, b.context)
		if !ok {
			return nil
		}
		l.own[made] = &ownScope{scope, note(iterator, keyText(item[0]))}
		out = append(out, made)
	}
	return out
}

// iterator is the name by which content knows its element: the block's, unless
// another is written.
func (b *body) iterator(typ string) string {
	a := b.take("iterator")
	if a == nil {
		return typ
	}
	name := hcl.ExprAsKeyword(a.Expr)
	if name == "" || isKind(name) || name == "var" || name == "local" || name == "module" || name == "event" || name == "found" {
		b.report(diag.InvalidValue, a.Expr.Range(), "not a name for an iterator", "Write a word of your own without quotes, for instance iterator = rule.")
		return ""
	}
	return name
}

// items evaluates the for_each of a dynamic block to keys and values. Unlike
// names of blocks, elements may be anything.
func (l *loader) items(a *hclsyntax.Attribute, context string) ([][2]cty.Value, bool) {
	v, ok := l.evalAny(a.Expr, context)
	if !ok {
		return nil, false
	}
	ty := v.Type()
	switch {
	case v.IsMarked():
		l.report(diag.WrongForEach, a.Expr.Range(), context, "for_each depends on a secret", "How many blocks there are would tell something about it.")
		return nil, false
	case v.IsNull():
		l.report(diag.WrongForEach, a.Expr.Range(), context, "for_each is null", "It takes a list, a set, a map or an object.")
		return nil, false
	case !ty.IsTupleType() && !ty.IsObjectType() && !ty.IsCollectionType():
		l.report(diag.WrongForEach, a.Expr.Range(), context, "for_each is "+typeName(ty), "It takes a list, a set, a map or an object.")
		return nil, false
	}
	var out [][2]cty.Value
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if ty.IsSetType() {
			key = value
		}
		out = append(out, [2]cty.Value{key, value})
	}
	return out, true
}

// content makes the block of one element.
func (l *loader) content(dyn, content *hclsyntax.Block, labels *hclsyntax.Attribute, context string) (*hclsyntax.Block, bool) {
	out := &hclsyntax.Block{
		Type: dyn.Labels[0], TypeRange: dyn.LabelRanges[0], Body: content.Body,
		OpenBraceRange: dyn.OpenBraceRange, CloseBraceRange: dyn.CloseBraceRange,
	}
	if labels == nil {
		return out, true
	}
	rng := labels.Expr.Range()
	v, ok := l.eval(labels.Expr, context)
	if !ok {
		return nil, false
	}
	v, err := convert.Convert(v, cty.List(cty.String))
	if err != nil || v.IsNull() || v.ContainsMarked() {
		l.report(diag.WrongType, rng, context, `"labels" must be a list of strings`, fmt.Sprintf("Write labels = [%s.key].", dyn.Labels[0]))
		return nil, false
	}
	for it := v.ElementIterator(); it.Next(); {
		_, label := it.Element()
		if label.IsNull() {
			l.report(diag.WrongType, rng, context, `"labels" must be a list of strings`, "One of them is null.")
			return nil, false
		}
		out.Labels = append(out.Labels, label.AsString())
		out.LabelRanges = append(out.LabelRanges, rng)
	}
	return out, true
}
