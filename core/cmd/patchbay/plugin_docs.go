package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/core/reference"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

func (a *app) pluginDocsCommand() *cobra.Command {
	var s setup
	var out, dir string
	cmd := &cobra.Command{
		Use:   "docs [TYPE]",
		Short: "Write the reference of plugins' types as Markdown",
		Long: `Docs writes what the installed plugins say about their types: arguments with their
types, defaults and words, nested blocks, what a type can do, and a block to start
from. With --output a file for each type goes to a folder, called KIND-TYPE.md;
without it all goes to standard output. patchbay docs TYPE shows the same for a
terminal.`,
		Example: `  patchbay plugin docs twilio
  patchbay plugin docs --output docs/types`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.pluginDocs(cmd.Context(), dir, &s, args, out)
		},
	}
	s.pluginFlags(cmd)
	cmd.Flags().StringVar(&dir, "dir", ".", "directory of the configuration")
	cmd.Flags().StringVarP(&out, "output", "o", "", "folder to write to")
	return cmd
}

// typePage is the page of one type.
type typePage struct {
	Kind     string `json:"kind"`
	Type     string `json:"type"`
	Plugin   string `json:"plugin"`
	File     string `json:"file,omitempty"`
	Markdown string `json:"markdown,omitempty"`
}

func (a *app) pluginDocs(ctx context.Context, dir string, s *setup, args []string, out string) error {
	cat, err := a.installed(ctx, dir, s, zerolog.Nop())
	if err != nil {
		return err
	}
	pages, err := typePages(cat, args)
	if err != nil {
		return err
	}
	if out != "" {
		if err := os.MkdirAll(out, 0o755); err != nil {
			return fmt.Errorf("docs: %w", err)
		}
		for i := range pages {
			p := &pages[i]
			p.File = filepath.Join(out, p.Kind+"-"+p.Type+".md")
			if err := os.WriteFile(p.File, []byte(p.Markdown), 0o644); err != nil {
				return fmt.Errorf("docs: %w", err)
			}
			p.Markdown = ""
		}
	}
	return a.answer(pages, nil, func() error {
		for _, p := range pages {
			if _, err := fmt.Fprint(a.stdout, p.Markdown); err != nil {
				return fmt.Errorf("docs: %w", err)
			}
			if p.File != "" {
				fmt.Fprintln(a.stdout, p.File)
			}
		}
		return nil
	})
}

// typePages writes the pages of all types, or of those with a name.
func typePages(cat *catalog.Catalog, args []string) ([]typePage, error) {
	pages := []typePage{}
	for _, kind := range []string{"source", "sink"} {
		for _, name := range cat.Names(kind) {
			if len(args) > 0 && name != args[0] {
				continue
			}
			info, _ := cat.Lookup(kind, name)
			p, _ := cat.Serving(kind, name)
			var b bytes.Buffer
			if err := reference.WriteType(&b, kind, info, p.Name); err != nil {
				return nil, err
			}
			pages = append(pages, typePage{Kind: kind, Type: name, Plugin: p.Name, Markdown: b.String()})
		}
	}
	if len(args) > 0 && len(pages) == 0 {
		return nil, &problem{exit: exitInvalid, code: "not_found", err: fmt.Errorf("no plugin serves a type %q; patchbay plugin list shows what there is", args[0])}
	}
	if len(pages) == 0 {
		return nil, &problem{exit: exitInvalid, code: "not_found", err: errors.New("no plugin is installed")}
	}
	return pages, nil
}
