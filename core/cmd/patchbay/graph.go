package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/graph"
	"github.com/spf13/cobra"
)

func (a *app) graphCommand() *cobra.Command {
	var format string
	formats := append(graph.Formats(), "json")
	var s setup
	cmd := &cobra.Command{
		Use:   "graph [DIR]",
		Short: "Draw a configuration: sources, stages, routes, sinks",
		Long: `Graph draws which source's events pass through which stages to which sinks, as text,
as a picture (svg), or for Graphviz (dot), Mermaid and programs (json). It starts
no plugin and shows nothing of their arguments.`,
		Example: `  patchbay graph
  patchbay graph --format svg > graph.svg
  patchbay graph examples/local --format mermaid`,
		Args:              atMost(1),
		ValidArgsFunction: directories,
		RunE: func(_ *cobra.Command, args []string) error {
			if !slices.Contains(formats, format) {
				return usage("--format %q: it is one of %s", format, strings.Join(formats, ", "))
			}
			cfg, err := a.loadSound(dirArg(args), &s)
			if err != nil {
				return err
			}
			g := graph.Build(cfg)
			return a.answer(g, nil, func() error {
				switch format {
				case "dot":
					return g.WriteDot(a.stdout)
				case "mermaid":
					return g.WriteMermaid(a.stdout)
				case "svg":
					return g.WriteSVG(a.stdout)
				case "json":
					enc := json.NewEncoder(a.stdout)
					enc.SetEscapeHTML(false)
					enc.SetIndent("", "  ")
					return enc.Encode(g)
				}
				return g.WriteText(a.stdout)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "what to write: "+strings.Join(formats, ", "))
	s.valueFlags(cmd)
	_ = cmd.RegisterFlagCompletionFunc("format", words(func([]string) []string { return formats }))
	return cmd
}

// loadSound reads a configuration by itself, without plugins, and refuses one
// with errors.
func (a *app) loadSound(dir string, s *setup) (*config.Config, error) {
	o, err := s.options()
	if err != nil {
		return nil, err
	}
	cfg, diags := a.load(dir, o)
	if !diags.HasErrors() {
		return cfg, nil
	}
	errs := slices.DeleteFunc(diags, func(d diag.Diagnostic) bool { return d.Severity != diag.Error })
	return nil, &problem{
		exit: exitInvalid, code: "configuration", diags: errs,
		err: fmt.Errorf("the configuration has errors: patchbay validate %s", dir),
	}
}
