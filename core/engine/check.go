package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/lint"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/auth"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// question is one block that its plugin has to look at.
type question struct {
	cfg     *config.Config
	context string
	ranges  map[string]hcl.Range
	ask     func(context.Context, *sdk.Client) (diag.List, error)
	answer  diag.List
}

// Check has every plugin look at its configuration and returns what they find,
// at the lines it concerns. Nothing outside the plugins is touched. There is one
// process a plugin for all its blocks, and the plugins work side by side: a block
// costs a call and not the start of a process.
func (e *Engine) Check(ctx context.Context) diag.List {
	return e.check(ctx, e.first, func(string) bool { return true })
}

// check is Check for the sources and sinks of g that concern says.
func (e *Engine) check(ctx context.Context, g *graph, concern func(address string) bool) diag.List {
	all, rounds, broken := e.questions(g, concern)
	var wg sync.WaitGroup
	for _, r := range rounds {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r.run(ctx)
		}()
	}
	wg.Wait()
	out := broken
	for _, q := range all {
		out = append(out, q.answer...)
	}
	return out
}

// questions collects the blocks in order, and by the plugin that serves them.
func (e *Engine) questions(g *graph, concern func(address string) bool) (all []*question, rounds []*round, broken diag.List) {
	add := func(kind, typ, address string, q *question) {
		spec, err := e.spec(g, kind, typ, address)
		if err != nil {
			broken = append(broken, q.unchecked(err))
			return
		}
		all = append(all, q)
		i := slices.IndexFunc(rounds, func(r *round) bool { return r.spec.Path == spec.Path })
		if i < 0 {
			spec.StartTimeout = roundTimeout
			i, rounds = len(rounds), append(rounds, &round{spec: spec})
		}
		rounds[i].questions = append(rounds[i].questions, q)
	}
	for _, c := range g.cfg.Sources {
		// Of a missing secret the configuration itself has told.
		if !c.MissingSecrets && concern("source."+c.Address) {
			add("source", c.Type, c.Address, sourceQuestion(g.cfg, c))
		}
	}
	for _, c := range g.cfg.Sinks {
		if !c.MissingSecrets && concern("sink."+c.Address) {
			add("sink", c.Type, c.Address, sinkQuestion(g.cfg, c))
		}
	}
	return all, rounds, broken
}

func sourceQuestion(cfg *config.Config, c *config.Source) *question {
	q := &question{cfg: cfg, context: c.Context(), ranges: c.Ranges}
	q.ask = func(ctx context.Context, cl *sdk.Client) (diag.List, error) {
		r := (&source{cfg: c}).request()
		r.CheckOnly = true
		resp, err := cl.ConfigureSource(ctx, r)
		if err != nil {
			return nil, err
		}
		out := findings(cfg, c.Context(), c.Ranges, resp.Diagnostics)
		if out.HasErrors() {
			return out, nil
		}
		if _, err := auth.Compile(resp.Auth); err != nil {
			return append(out, q.unchecked(fmt.Errorf("its authentication scheme cannot be used: %w", err))), nil
		}
		return append(out, lint.Authentication(cfg, c, resp.Auth)...), nil
	}
	return q
}

func sinkQuestion(cfg *config.Config, c *config.Sink) *question {
	q := &question{cfg: cfg, context: c.Context(), ranges: c.Ranges}
	q.ask = func(ctx context.Context, cl *sdk.Client) (diag.List, error) {
		resp, err := cl.OpenSink(ctx, (&sink{cfg: c}).request(true))
		if err != nil {
			return nil, err
		}
		out := findings(cfg, c.Context(), c.Ranges, resp.Diagnostics)
		if err := sdk.OpenFailure(resp); err != nil {
			out = append(out, q.unchecked(err))
		}
		return out, nil
	}
	return q
}

func findings(cfg *config.Config, context string, ranges map[string]hcl.Range, ds []*wire.Diagnostic) diag.List {
	var out diag.List
	for _, d := range ds {
		out = append(out, cfg.Problem(context, ranges, d))
	}
	return out
}

func (q *question) unchecked(err error) diag.Diagnostic {
	return q.cfg.Problem(q.context, q.ranges, &wire.Diagnostic{Summary: "the plugin could not check this block", Detail: err.Error()})
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

// round asks one plugin about all its blocks, one after the other.
type round struct {
	spec      pluginhost.Spec
	questions []*question
}

const (
	// roundTimeout bounds how long a plugin may look at all its blocks.
	roundTimeout = time.Minute
	// questionTimeout bounds how long a plugin may look at one block.
	questionTimeout = 10 * time.Second
	// maxDeaths is how often a plugin may end over a block before the rest of its
	// blocks are given up.
	maxDeaths = 3
)

func (r *round) run(ctx context.Context) {
	left := r.questions
	fail := func(n int, err error) {
		for _, q := range left[:n] {
			q.answer = diag.List{q.unchecked(err)}
		}
		left = left[n:]
	}
	for deaths := 0; len(left) > 0; deaths++ {
		if deaths == maxDeaths {
			fail(len(left), fmt.Errorf("it ended %d times while it looked at other blocks", deaths))
			return
		}
		started, answered, err := r.once(ctx, left)
		left = left[answered:]
		switch {
		case err == nil:
		case !started || ctx.Err() != nil:
			fail(len(left), err)
		default:
			fail(min(1, len(left)), err) // the block that it was looking at is at fault
		}
	}
}

// once starts the plugin and asks until it ends or all is answered.
func (r *round) once(ctx context.Context, qs []*question) (started bool, answered int, err error) {
	err = pluginhost.Ask(ctx, r.spec, func(ctx context.Context, cl *sdk.Client) error {
		started = true
		for _, q := range qs {
			callCtx, cancel := context.WithTimeout(ctx, questionTimeout)
			answer, err := q.ask(callCtx, cl)
			cancel()
			if ended(err) {
				return err
			}
			if err != nil { // it lives, and says that it can't
				answer = append(answer, q.unchecked(err))
			}
			q.answer = answer
			answered++
		}
		return nil
	})
	return started, answered, err
}

// ended reports whether a call failed because the plugin ended or hangs.
func ended(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return true
	}
	return false
}
