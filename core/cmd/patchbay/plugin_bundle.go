package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/core/install"
	"github.com/patchbay-io/patchbay/core/lockfile"
	"github.com/spf13/cobra"
)

func (a *app) pluginBundleCommand() *cobra.Command {
	var s setup
	var out string
	cmd := &cobra.Command{
		Use:   "bundle [DIR] -o FILE",
		Short: "Pack the plugins of a configuration into one file",
		Long: `Bundle writes a .tar.gz with every plugin that the configuration in DIR uses, for
all platforms that are here, and their lock. patchbay plugin install FILE installs
them on a machine without a network. The same plugins give the same file.`,
		Example: `  patchbay plugin bundle -o plugins.bundle
  patchbay plugin bundle /etc/patchbay --output plugins.bundle`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usage("say where to write the bundle: --output FILE")
			}
			return a.pluginBundle(cmd.Context(), dirArg(args), &s, out)
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write")
	return cmd
}

// bundleReport is what plugin bundle answers.
type bundleReport struct {
	File    string             `json:"file"`
	Bytes   int64              `json:"bytes"`
	Plugins []*lockfile.Plugin `json:"plugins"`
}

func (a *app) pluginBundle(ctx context.Context, dir string, s *setup, out string) error {
	l, err := a.wanted(ctx, dir, s, nil)
	if err != nil {
		return err
	}
	if len(l.diags) > 0 {
		return usage("a bundle has no development overrides; leave them out")
	}
	if len(l.want.Plugins) == 0 {
		return usage("the configuration uses no plugins")
	}
	report := bundleReport{File: out, Plugins: l.want.Plugins}
	if report.Bytes, err = writeBundle(out, l); err != nil {
		return err
	}
	return a.answer(report, nil, func() error {
		for _, p := range report.Plugins {
			fmt.Fprintf(a.stdout, "%s %s\n", p.Address, p.Version)
		}
		_, err := fmt.Fprintf(a.stdout, "Wrote %s, %d bytes. Install it with: patchbay plugin install %s\n", out, report.Bytes, out)
		return err
	})
}

// writeBundle writes the file whole or not at all.
func writeBundle(path string, l *locking) (int64, error) {
	found := map[string]map[string]string{}
	for _, p := range l.want.Plugins {
		programs, err := catalog.Platforms(l.options, p)
		if err != nil {
			return 0, err
		}
		found[p.Name()] = programs
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".bundle-*")
	if err != nil {
		return 0, fmt.Errorf("bundle: %w", err)
	}
	defer os.Remove(f.Name())
	err = install.Pack(f, l.want, func(p *lockfile.Plugin, platform, _ string) string { return found[p.Name()][platform] })
	st, serr := f.Stat()
	if err := errors.Join(err, serr, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return 0, fmt.Errorf("bundle: %w", err)
	}
	return st.Size(), nil
}
