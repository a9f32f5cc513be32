package main

import (
	"fmt"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/spf13/cobra"
)

// place is where a command works.
type place struct {
	dir     string // of the configuration
	dataDir string // instead of the configuration's
}

// arguments are the flags that lead another command to the same place.
func (p *place) arguments() string {
	out := ""
	if p.dir != "." {
		out += " --dir " + p.dir
	}
	if p.dataDir != "" {
		out += " --data-dir " + p.dataDir
	}
	return out
}

func (p *place) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.dir, "dir", ".", "directory of the configuration")
	cmd.Flags().StringVar(&p.dataDir, "data-dir", "", "data directory, instead of the configuration's")
}

// load reads a configuration.
func (a *app) load(dir string, o config.Options) (*config.Config, diag.List) {
	o.Env, o.Version, o.Now = a.env, sdk.Version, a.now
	cfg, diags := config.Load(dir, o)
	a.files = cfg.Files
	return cfg, diags
}

// data finds the data directory. Only that is needed of the configuration: what
// else is wrong with it must not keep anybody from looking into the journal.
func (a *app) data(p *place) (string, error) {
	if p.dataDir != "" {
		return p.dataDir, nil
	}
	cfg, diags := a.load(p.dir, config.Options{})
	if len(cfg.Files) == 0 {
		return "", &problem{
			exit: exitInvalid, code: "no_configuration", diags: diags,
			err: fmt.Errorf("there is no configuration in %s; name its directory with --dir, or the data directory with --data-dir", p.dir),
		}
	}
	return cfg.DataDir, nil
}
