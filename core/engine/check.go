package engine

import (
	"context"
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
	results := make([]diag.List, len(e.cfg.Sources)+len(e.cfg.Sinks))
	var wg sync.WaitGroup
	for i, s := range e.cfg.Sources {
		if s.MissingSecrets {
			continue // the configuration said so already
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			results[i] = e.checkSource(ctx, s)
		}()
	}
	for i, s := range e.cfg.Sinks {
		if s.MissingSecrets {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			results[len(e.cfg.Sources)+i] = e.checkSink(ctx, s)
		}()
	}
	wg.Wait()
	var out diag.List
	for _, r := range results {
		out = append(out, r...)
	}
	return out
}

// ask starts the plugin of a block for one question.
func (e *Engine) ask(ctx context.Context, kind, typ, address string, question func(context.Context, *sdk.Client) error) error {
	spec, err := e.spec(kind, typ, address)
	if err != nil {
		return err
	}
	return pluginhost.Ask(ctx, spec, question)
}

func (e *Engine) checkSource(ctx context.Context, c *config.Source) diag.List {
	s := &source{cfg: c}
	var out diag.List
	err := e.ask(ctx, "source", c.Type, c.Address, func(ctx context.Context, cl *sdk.Client) error {
		resp, err := cl.ConfigureSource(ctx, s.request())
		if err != nil {
			return err
		}
		out = e.findings(c.Context(), c.Ranges, resp.Diagnostics)
		if out.HasErrors() {
			return nil
		}
		if _, err := auth.Compile(resp.Auth); err != nil {
			return fmt.Errorf("its authentication scheme cannot be used: %w", err)
		}
		out = append(out, lint.Authentication(e.cfg, c, resp.Auth)...)
		return nil
	})
	return e.withError(out, c.Context(), c.Ranges, err)
}

func (e *Engine) checkSink(ctx context.Context, c *config.Sink) diag.List {
	s := &sink{cfg: c}
	var out diag.List
	err := e.ask(ctx, "sink", c.Type, c.Address, func(ctx context.Context, cl *sdk.Client) error {
		resp, err := cl.OpenSink(ctx, s.request(true))
		if err != nil {
			return err
		}
		out = e.findings(c.Context(), c.Ranges, resp.Diagnostics)
		return sdk.OpenFailure(resp)
	})
	return e.withError(out, c.Context(), c.Ranges, err)
}

func (e *Engine) findings(context string, ranges map[string]hcl.Range, ds []*wire.Diagnostic) diag.List {
	var out diag.List
	for _, d := range ds {
		out = append(out, e.cfg.Problem(context, ranges, d))
	}
	return out
}

func (e *Engine) withError(out diag.List, context string, ranges map[string]hcl.Range, err error) diag.List {
	if err == nil {
		return out
	}
	return append(out, e.cfg.Problem(context, ranges, &wire.Diagnostic{
		Summary: "the plugin could not check this block", Detail: err.Error(),
	}))
}
