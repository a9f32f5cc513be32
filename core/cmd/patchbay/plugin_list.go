package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

func (a *app) pluginListCommand() *cobra.Command {
	var s setup
	cmd := &cobra.Command{
		Use:   "list [DIR]",
		Short: "List the plugins that are installed for a configuration",
		Long: `List shows each plugin that the configuration in DIR may use: its version and
protocol, where its program is, what it serves and can do, and whether the lock file
pins it. A plugin that can't be used is listed with the reason.`,
		Example: "  patchbay plugin list\n  patchbay plugin list /etc/patchbay --json",
		Args:    atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.pluginList(cmd.Context(), dirArg(args), &s)
		},
	}
	s.pluginFlags(cmd)
	return cmd
}

// listed is one plugin as plugin list shows it.
type listed struct {
	Name     string       `json:"name"`
	Address  string       `json:"address,omitempty"`
	Version  string       `json:"version,omitempty"`
	Protocol int          `json:"protocol,omitempty"`
	Path     string       `json:"path,omitempty"`
	SHA256   string       `json:"sha256,omitempty"`
	State    string       `json:"state"` // pinned, unpinned, override or refused
	Types    []listedType `json:"types"`
	Problem  string       `json:"problem,omitempty"`
	Code     string       `json:"code,omitempty"`
}

type listedType struct {
	Type         string   `json:"type"` // source.twilio
	Summary      string   `json:"summary"`
	Capabilities []string `json:"capabilities"`
}

func (a *app) pluginList(ctx context.Context, dir string, s *setup) error {
	o, err := a.plugins(dir, s, zerolog.Nop())
	if err != nil {
		return err
	}
	lock, broken := a.lock(dir)
	if broken.HasErrors() {
		return &problem{exit: exitInvalid, code: "lock", err: fmt.Errorf("the lock file can't be understood"), diags: broken}
	}
	o.Lock = lock
	// The configuration may be broken, or not be there: what it asks for is taken
	// as far as it can be read.
	a.load(dir, config.Options{Plugins: func(needs []*config.Plugin) config.Types { o.Needs = needs; return nil }})
	out := []listed{}
	for _, p := range catalog.Open(ctx, o).Plugins() {
		out = append(out, list(p))
	}
	return a.answer(out, nil, func() error {
		if len(out) == 0 {
			fmt.Fprintf(a.stdout, "No plugin is installed beside patchbay, in %s or in %s.\n", store(dir), envPluginDirs)
		}
		for _, p := range out {
			a.listed(p)
		}
		return nil
	})
}

func list(p *catalog.Plugin) listed {
	out := listed{
		Name: p.Name, Address: p.Address, Version: p.Version, Protocol: p.Protocol, Path: p.Path, SHA256: p.SHA256,
		State: "unpinned", Types: []listedType{},
	}
	switch {
	case p.Fault != nil:
		out.State, out.Problem, out.Code = "refused", p.Fault.Summary+". "+p.Fault.Detail, string(p.Fault.Code)
	case p.Override:
		out.State = "override"
	case p.Pinned:
		out.State = "pinned"
	}
	served := p.Served()
	for _, name := range p.Types() {
		t := served[name]
		out.Types = append(out.Types, listedType{name, t.GetSummary(), append([]string{}, t.GetCapabilities()...)})
	}
	return out
}

func (a *app) listed(p listed) {
	fmt.Fprintf(a.stdout, "%s %s  protocol %d  %s", p.Name, printable(p.Version), p.Protocol, p.State)
	if p.Address != "" {
		fmt.Fprintf(a.stdout, "  %s", p.Address)
	}
	fmt.Fprintln(a.stdout)
	if p.Path != "" {
		fmt.Fprintf(a.stdout, "  %s\n", p.Path)
	}
	if p.Problem != "" {
		fmt.Fprintf(a.stdout, "  %s: %s\n", p.Code, printable(p.Problem))
	}
	for _, t := range p.Types {
		can := ""
		if len(t.Capabilities) > 0 {
			can = "  (" + printable(strings.Join(t.Capabilities, ", ")) + ")"
		}
		fmt.Fprintf(a.stdout, "  %-20s  %s%s\n", t.Type, printable(t.Summary), can)
	}
}
