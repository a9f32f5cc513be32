package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/lint"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/auth"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

// Check has every plugin look at its configuration, side by side, and returns
// what they find, at the lines it concerns. Nothing outside the plugins is
// touched.
func (e *Engine) Check(ctx context.Context) diag.List {
	return e.check(ctx, e.first, func(string) bool { return true })
}

// check is Check for the sources and sinks of g that concern says.
func (e *Engine) check(ctx context.Context, g *graph, concern func(address string) bool) diag.List {
	var wg sync.WaitGroup
	results := make([]diag.List, len(g.cfg.Sources)+len(g.cfg.Sinks))
	look := func(i int, f func() diag.List) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			results[i] = f()
		}()
	}
	for i, s := range g.cfg.Sources {
		// Of a missing secret the configuration itself has told.
		if !s.MissingSecrets && concern("source."+s.Address) {
			look(i, func() diag.List { return e.checkSource(ctx, g, s) })
		}
	}
	for i, s := range g.cfg.Sinks {
		if !s.MissingSecrets && concern("sink."+s.Address) {
			look(len(g.cfg.Sources)+i, func() diag.List { return e.checkSink(ctx, g, s) })
		}
	}
	wg.Wait()
	var out diag.List
	for _, r := range results {
		out = append(out, r...)
	}
	return out
}

// ask starts the plugin of a block for one question.
func (e *Engine) ask(ctx context.Context, g *graph, kind, typ, address string, question func(context.Context, *sdk.Client) error) error {
	spec, err := e.spec(g, kind, typ, address)
	if err != nil {
		return err
	}
	return pluginhost.Ask(ctx, spec, question)
}

func (e *Engine) checkSource(ctx context.Context, g *graph, c *config.Source) diag.List {
	s := &source{cfg: c}
	var out diag.List
	err := e.ask(ctx, g, "source", c.Type, c.Address, func(ctx context.Context, cl *sdk.Client) error {
		resp, err := cl.ConfigureSource(ctx, s.request())
		if err != nil {
			return err
		}
		out = findings(g.cfg, c.Context(), c.Ranges, resp.Diagnostics)
		if out.HasErrors() {
			return nil
		}
		if _, err := auth.Compile(resp.Auth); err != nil {
			return fmt.Errorf("its authentication scheme cannot be used: %w", err)
		}
		out = append(out, lint.Authentication(g.cfg, c, resp.Auth)...)
		return nil
	})
	return withError(g.cfg, out, c.Context(), c.Ranges, err)
}

func (e *Engine) checkSink(ctx context.Context, g *graph, c *config.Sink) diag.List {
	s := &sink{cfg: c}
	var out diag.List
	err := e.ask(ctx, g, "sink", c.Type, c.Address, func(ctx context.Context, cl *sdk.Client) error {
		resp, err := cl.OpenSink(ctx, s.request(true))
		if err != nil {
			return err
		}
		out = findings(g.cfg, c.Context(), c.Ranges, resp.Diagnostics)
		return sdk.OpenFailure(resp)
	})
	return withError(g.cfg, out, c.Context(), c.Ranges, err)
}

func findings(cfg *config.Config, context string, ranges map[string]hcl.Range, ds []*wire.Diagnostic) diag.List {
	var out diag.List
	for _, d := range ds {
		out = append(out, cfg.Problem(context, ranges, d))
	}
	return out
}

func withError(cfg *config.Config, out diag.List, context string, ranges map[string]hcl.Range, err error) diag.List {
	if err == nil {
		return out
	}
	return append(out, cfg.Problem(context, ranges, &wire.Diagnostic{
		Summary: "the plugin could not check this block", Detail: err.Error(),
	}))
}

// notReady says why a plugin ended before it was of use: what it refused, at the
// lines it concerns, or the error.
func notReady(cfg *config.Config, context, what string, ranges map[string]hcl.Range, err error) (diag.List, error) {
	var refused *pluginhost.Rejected
	if errors.As(err, &refused) {
		return findings(cfg, context, ranges, refused.Diagnostics), nil
	}
	return nil, fmt.Errorf("%s ended: %w", what, err)
}
