package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/patchbay-io/patchbay/core/scaffold"
	"github.com/spf13/cobra"
)

func (a *app) pluginNewCommand() *cobra.Command {
	var o scaffold.Options
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Write a new plugin to start from",
		Long: `New writes a Go module with a plugin that works: a source that understands signed
webhooks, or a sink that writes files. It has a test of the whole contract, a
captured request, and a configuration that uses it. NAME is the type that it serves,
as in source "NAME" "main".

The sdk is not published yet. The module leads to a checkout of patchbay instead: the
one that this program lies in, or the working directory, or --replace.`,
		Example: `  patchbay plugin new acme
  patchbay plugin new table --kind sink --dir plugins/table --module github.com/you/table`,
		Args: exactly("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			o.Name = args[0]
			return a.pluginNew(o)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&o.Kind, "kind", scaffold.Source, "source or sink")
	fs.StringVar(&o.Dir, "dir", "", "folder to write to (default patchbay-plugin-NAME)")
	fs.StringVar(&o.Module, "module", "", "path of the Go module (default example.com/patchbay-plugin-NAME)")
	fs.StringVar(&o.Checkout, "replace", "", "checkout of patchbay to build with")
	return cmd
}

// scaffolded is what new has written.
type scaffolded struct {
	Dir      string   `json:"dir"`
	Checkout string   `json:"checkout"`
	Files    []string `json:"files"`
	Next     []string `json:"next"`
}

func (a *app) pluginNew(o scaffold.Options) error {
	if o.Checkout == "" {
		o.Checkout = checkout()
	}
	if o.Checkout == "" {
		return usage("the sdk is not published yet, and neither this program nor the working directory lies in a checkout of patchbay: " +
			"clone it and name its folder with --replace")
	}
	dir, files, err := scaffold.Write(o)
	if errors.Is(err, scaffold.ErrOptions) {
		return usage("%s", strings.TrimPrefix(err.Error(), scaffold.ErrOptions.Error()+": "))
	}
	if err != nil {
		return err
	}
	program := "bin/patchbay-plugin-" + o.Name
	out := scaffolded{Dir: dir, Checkout: o.Checkout, Files: files, Next: []string{
		"cd " + dir + " && go test .",
		"go build -o " + program + " . && patchbay plugin test " + program,
		"patchbay validate example --plugin-dir bin",
	}}
	return a.answer(out, nil, func() error {
		fmt.Fprintf(a.stdout, "Wrote %s to %s, built with the sdk of %s.\n\nNext:\n", count(len(files), "file"), printable(dir), printable(o.Checkout))
		for _, line := range out.Next {
			fmt.Fprintf(a.stdout, "  %s\n", printable(line))
		}
		return nil
	})
}

// checkout is the checkout of patchbay that this program or the working directory
// lies in.
func checkout() string {
	var dirs []string
	if exe, err := os.Executable(); err == nil {
		if exe, err = filepath.EvalSymlinks(exe); err == nil {
			dirs = append(dirs, filepath.Dir(exe))
		}
	}
	return scaffold.FindCheckout(append(dirs, ".")...)
}
