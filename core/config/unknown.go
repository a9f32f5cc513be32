package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchbay-io/patchbay/core/diag"
)

// done reports arguments and blocks that nobody asked for.
func (b *body) done() {
	for _, name := range slices.Sorted(maps.Keys(b.syn.Attributes)) {
		if slices.Contains(b.args, name) {
			continue
		}
		detail := "It takes " + list(b.args) + "."
		if len(b.args) == 0 {
			detail = "It takes no arguments."
		}
		if slices.Contains(b.blocks, name) {
			detail = fmt.Sprintf("It is a block: write %s { ... } without the equals sign.", name)
		}
		b.l.suggest(diag.Error, diag.UnknownArgument, b.syn.Attributes[name].NameRange, b.context,
			"unknown argument "+quote(name), detail, diag.Suggest(name, b.args))
	}
	for _, nested := range b.syn.Blocks {
		if !slices.Contains(b.blocks, nested.Type) {
			b.unknownBlock(nested)
		}
	}
}

func (b *body) unknownBlock(nested *hclsyntax.Block) {
	detail := "No blocks can stand here."
	if len(b.blocks) > 0 {
		detail = "Here stand the blocks " + list(b.blocks) + "."
	}
	if slices.Contains(b.args, nested.Type) {
		detail = fmt.Sprintf("It is an argument: write %s = ...", nested.Type)
	}
	b.l.suggest(diag.Error, diag.UnknownBlock, nested.TypeRange, b.context,
		"unknown block "+quote(nested.Type), detail, diag.Suggest(nested.Type, b.blocks))
}
