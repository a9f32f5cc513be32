package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/reference"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

func (a *app) docsCommand() *cobra.Command {
	var dirs []string
	cmd := &cobra.Command{
		Use:   "docs [TOPIC]",
		Short: "Look up a block, a stage, event fields, functions, or a plugin's type",
		Long: `Docs shows what a block or stage takes, what fields events have, which functions
event expressions know, and what the types of installed plugins take. Without a
topic it lists the topics.`,
		Example: `  patchbay docs
  patchbay docs pipeline
  patchbay docs event
  patchbay docs twilio --json`,
		Args: atMost(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			return words(func([]string) []string {
				if len(args) > 0 {
					return nil
				}
				cat, err := a.openCatalog(cmd.Context(), dirs)
				if err != nil {
					return reference.Topics()
				}
				return slices.Concat(reference.Topics(), cat.Names("source"), cat.Names("sink"))
			})(cmd, args, typed)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if done, err := a.docsOf(args[0]); done {
					return err
				}
			}
			cat, err := a.openCatalog(cmd.Context(), dirs)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return a.docsTopics(cat)
			}
			return a.docsType(cat, args[0])
		},
	}
	cmd.Flags().StringArrayVar(&dirs, "plugin-dir", nil, "further folder with plugins; may be repeated")
	return cmd
}

// openCatalog asks the installed plugins what they serve.
func (a *app) openCatalog(ctx context.Context, dirs []string) (*catalog.Catalog, error) {
	return a.installed(ctx, ".", &setup{pluginDirs: dirs}, zerolog.Nop())
}

// docsOf shows a topic of the language; done says that it is one.
func (a *app) docsOf(topic string) (done bool, err error) {
	if b, ok := reference.Find(topic); ok {
		return true, a.answer(b, nil, func() error { return a.block(b) })
	}
	switch topic {
	case reference.TopicEvent:
		return true, a.docsEvent()
	case reference.TopicFunctions:
		return true, a.docsFunctions()
	}
	return false, nil
}

func (a *app) docsEvent() error {
	types, err := reference.EventTypes()
	if err != nil {
		return err
	}
	out := struct {
		Fields     []reference.Field `json:"fields"`
		EventTypes []reference.Word  `json:"event_types"`
	}{reference.Fields(), types}
	return a.answer(out, nil, func() error {
		fmt.Fprintln(a.stdout, "Fields of events, written event.NAME")
		for _, f := range out.Fields {
			a.entry(f.Name, f.Type, f.Doc)
		}
		fmt.Fprintln(a.stdout, "\nEvent types")
		for _, t := range out.EventTypes {
			a.entry(t.Word, "", t.Doc)
		}
		return nil
	})
}

func (a *app) docsFunctions() error {
	out := struct {
		Event []reference.Word     `json:"event"`
		Load  []reference.Function `json:"load"`
	}{reference.Functions(), reference.LoadFunctions()}
	return a.answer(out, nil, func() error {
		fmt.Fprintln(a.stdout, "In event expressions")
		for _, f := range out.Event {
			fmt.Fprintf(a.stdout, "  %s\n", f.Doc)
		}
		fmt.Fprintln(a.stdout, "\nIn other arguments, evaluated once, when the configuration is loaded")
		for _, f := range out.Load {
			doc := f.Doc
			if f.Example != "" && f.Result != "" {
				doc += fmt.Sprintf(" %s is %s.", f.Example, f.Result)
			}
			a.entry(f.Signature, "", doc)
		}
		return nil
	})
}

// docsTypes are the types of the installed plugins.
type docsTypes struct {
	Topics  []string `json:"topics"`
	Sources []string `json:"sources"`
	Sinks   []string `json:"sinks"`
}

func (a *app) docsTopics(cat *catalog.Catalog) error {
	out := docsTypes{reference.Topics(), cat.Names("source"), cat.Names("sink")}
	return a.answer(out, nil, func() error {
		line := func(title string, all []string) {
			text := strings.Join(all, ", ")
			if text == "" {
				text = "none: no plugin is installed beside patchbay or in " + envPluginDirs
			}
			fmt.Fprintf(a.stdout, "%s\n%s", title, indent(wrap(text, helpWidth-2)))
		}
		line("The language", out.Topics)
		line("Sources", out.Sources)
		line("Sinks", out.Sinks)
		fmt.Fprintln(a.stdout, "\nWrite patchbay docs TOPIC. Codes of messages are explained by patchbay help CODE.")
		return nil
	})
}

func (a *app) docsType(cat *catalog.Catalog, name string) error {
	var found []reference.Block
	var known []string
	for _, kind := range []string{"source", "sink"} {
		known = append(known, cat.Names(kind)...)
		if info, ok := cat.Lookup(kind, name); ok {
			found = append(found, reference.Type(kind, info))
		}
	}
	if len(found) == 0 {
		hint := ""
		if near := diag.Suggest(name, append(known, reference.Topics()...)); near != "" {
			hint = fmt.Sprintf(" Did you mean %q?", near)
		}
		return &problem{exit: exitInvalid, code: "not_found", err: fmt.Errorf("there is no topic %q, and no plugin serves a type of that name; patchbay docs lists them.%s", name, hint)}
	}
	return a.answer(found, nil, func() error {
		for i, b := range found {
			if i > 0 {
				fmt.Fprintln(a.stdout)
			}
			if err := a.block(b); err != nil {
				return err
			}
		}
		return nil
	})
}

// block prints what a block takes.
func (a *app) block(b reference.Block) error {
	fmt.Fprintf(a.stdout, "%s\n\n%s\n", b.Header, wrap(b.Doc, helpWidth))
	if len(b.Args) > 0 {
		fmt.Fprintln(a.stdout, "\nArguments")
	}
	a.arguments(b.Args)
	for _, n := range b.Blocks {
		a.nested(n, "")
	}
	if b.More != "" {
		fmt.Fprintf(a.stdout, "\n%s\n", wrap(b.More, helpWidth))
	}
	return nil
}

func (a *app) nested(b reference.Block, within string) {
	fmt.Fprintf(a.stdout, "\nBlock %s\n%s", within+b.Header, indent(wrap(b.Doc, helpWidth-2)))
	a.arguments(b.Args)
	for _, n := range b.Blocks {
		a.nested(n, within+b.Name+", ")
	}
}

func (a *app) arguments(all []reference.Argument) {
	for _, arg := range all {
		kind := arg.Type
		switch {
		case arg.Required:
			kind += ", required"
		case arg.Default != "":
			kind += ", default " + arg.Default
		}
		a.entry(arg.Name, kind, arg.Doc)
	}
}

// entry prints a name, what it is, and what it means.
func (a *app) entry(name, kind, doc string) {
	head := name
	if kind != "" {
		head += "  (" + kind + ")"
	}
	body := strings.ReplaceAll(wrap(doc, helpWidth-6), "\n", "\n      ")
	fmt.Fprintf(a.stdout, "  %s\n      %s\n", head, body)
}
