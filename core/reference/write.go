package reference

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/patchbay-io/patchbay/sdk/wire"
)

// Type describes the block of a plugin's type by its schema.
func Type(kind string, info *wire.TypeInfo) Block {
	b := schema(kind, fmt.Sprintf("%s %q \"NAME\"", kind, info.GetName()), info.GetSchema())
	b.Name, b.Doc = info.GetName(), info.GetSummary()
	core := source()
	if kind == "sink" {
		core = sink()
	}
	var names []string
	for _, a := range core.Args {
		names = append(names, a.Name)
	}
	for _, n := range core.Blocks {
		names = append(names, n.Name)
	}
	b.More = fmt.Sprintf("Besides, every %s takes %s: patchbay docs %s.", kind, strings.Join(names, ", "), kind)
	return b
}

func schema(name, header string, s *wire.Schema) Block {
	b := Block{Name: name, Header: header, Args: []Argument{}}
	for _, a := range s.GetAttributes() {
		doc := a.Doc
		if len(a.Enum) > 0 {
			doc += " One of " + strings.Join(a.Enum, ", ") + "."
		}
		if a.Sensitive && !strings.Contains(a.Example, "secret(") {
			doc += ` A secret: write secret("env:NAME").`
		}
		if a.Example != "" {
			doc += " Example: " + a.Example + "."
		}
		if a.Deprecated != "" {
			doc += " Deprecated: " + a.Deprecated
		}
		doc = strings.TrimSpace(doc)
		if a.Block != nil {
			nested := schema(a.Name, a.Name, a.Block)
			nested.Doc = doc
			b.Blocks = append(b.Blocks, nested)
			continue
		}
		b.Args = append(b.Args, Argument{a.Name, a.Type, a.Required, defaultText(a.Default), doc})
	}
	return b
}

// defaultText leaves defaults out that say nothing.
func defaultText(s string) string {
	if !json.Valid([]byte(s)) || s == "null" || s == `""` {
		return ""
	}
	return s
}

// WritePage writes all of it as Markdown.
func WritePage(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Reference\n\n" +
		"The blocks of the configuration language, the fields of events and the functions of event expressions, as\n" +
		"`patchbay docs TOPIC` shows them; `patchbay docs TYPE` shows what a source or sink takes. [The language](language.md)\n" +
		"explains how it all goes together. This page is generated: `make generate`.\n")
	b.WriteString("\n## Blocks\n")
	for _, block := range Blocks() {
		if block.Name == "pipeline" {
			block.Blocks = nil // they follow by themselves
		}
		page(&b, "###", block)
	}
	b.WriteString("\n## Stages of a pipeline\n")
	for _, block := range Stages() {
		page(&b, "###", block)
	}
	b.WriteString("\n## Fields of events\n\nExpressions write them as `event.NAME`.\n\n| Field | Type | |\n|---|---|---|\n")
	for _, f := range Fields() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Name, f.Type, cell(f.Doc))
	}
	types, err := EventTypes()
	if err != nil {
		return err
	}
	b.WriteString("\n## Event types\n\n| Type | What it promises |\n|---|---|\n")
	for _, t := range types {
		fmt.Fprintf(&b, "| `%s` | %s |\n", t.Word, cell(t.Doc))
	}
	b.WriteString("\n## Functions of event expressions\n\n| Function | |\n|---|---|\n")
	for _, f := range Functions() {
		fmt.Fprintf(&b, "| `%s` | `%s` |\n", f.Word, cell(f.Doc))
	}
	loadFunctions(&b)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("reference: write: %w", err)
	}
	return nil
}

// loadFunctions writes a table for each group.
func loadFunctions(b *strings.Builder) {
	b.WriteString("\n## Functions of other arguments\n\nThey are evaluated once, when the configuration is loaded.\n")
	group := ""
	for _, f := range LoadFunctions() {
		if f.Group != group {
			group = f.Group
			fmt.Fprintf(b, "\n### %s%s\n\n| Function | | Example |\n|---|---|---|\n", strings.ToUpper(group[:1]), group[1:])
		}
		example := ""
		if f.Example != "" {
			example = "`" + cell(f.Example) + "`"
		}
		if f.Result != "" {
			example += " is `" + cell(f.Result) + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", cell(f.Signature), cell(f.Doc), example)
	}
}

func page(b *strings.Builder, level string, block Block) {
	fmt.Fprintf(b, "\n%s `%s`\n\n%s\n", level, block.Header, block.Doc)
	if len(block.Args) > 0 {
		b.WriteString("\n| Argument | Type | Default | |\n|---|---|---|---|\n")
	}
	for _, a := range block.Args {
		def := ""
		switch {
		case a.Required:
			def = "required"
		case strings.HasPrefix(a.Default, "the "):
			def = a.Default
		case a.Default != "":
			def = "`" + a.Default + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", a.Name, a.Type, def, cell(a.Doc))
	}
	if block.More != "" {
		fmt.Fprintf(b, "\n%s\n", block.More)
	}
	for _, n := range block.Blocks {
		n.Header = block.Name + " { " + n.Header + " }"
		page(b, level+"#", n)
	}
}

// cell is a text as it can stand in a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
