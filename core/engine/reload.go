package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/admin"
	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/core/plan"
)

// snapshot is what a configuration comes down to, with the versions of the
// programs and files that it names.
func (e *Engine) snapshot(cfg *config.Config, cat *catalog.Catalog) *plan.Snapshot {
	return plan.Take(cfg, plan.Options{
		Key:  e.planKey,
		Mask: func(s string) string { return inspect.MaskText(cfg.Mask(s)) },
		Program: func(kind, typ string) string {
			p, ok := cat.Serving(kind, typ)
			if !ok {
				return ""
			}
			return p.Path + " " + p.SHA256
		},
		Content: contentStamp,
	})
}

// maxContent bounds what is read of a file to tell its versions apart.
const maxContent = 64 << 20

func contentStamp(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "unreadable"
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, maxContent)); err != nil {
		return "unreadable"
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// candidate is a configuration that was read while another runs.
type candidate struct {
	cfg   *config.Config
	cat   *catalog.Catalog
	diags diag.List
	plan  *plan.Plan // nil if the configuration has errors
}

func (c *candidate) findings() admin.Findings {
	return admin.NewFindings(c.diags, c.cfg.Files)
}

// consider reads the configuration again and compares.
func (e *Engine) consider(ctx context.Context) (*candidate, error) {
	if e.o.Load == nil {
		return nil, errors.New("engine: this core was started without a way to read its configuration again")
	}
	c := &candidate{}
	var err error
	if c.cfg, c.cat, c.diags, err = e.o.Load(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", admin.ErrNotApplied, err)
	}
	if c.diags.HasErrors() {
		return c, nil
	}
	queues, err := e.waitingList()
	if err != nil {
		return nil, err
	}
	c.plan = plan.Compare(e.graph.Load().snap, e.snapshot(c.cfg, c.cat), queues)
	return c, nil
}

// claim waits until nobody else plans or changes.
func (e *Engine) claim(ctx context.Context) (release func(), err error) {
	select {
	case e.changing <- struct{}{}:
		return func() { <-e.changing }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("another change is under way: %w", ctx.Err())
	}
}

// Plan implements admin.Changer: it says what applying the configuration as it
// is in its files now would change. The plugins concerned look at it too.
func (e *Engine) Plan(ctx context.Context) (*admin.Planned, error) {
	release, err := e.claim(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	c, err := e.consider(ctx)
	if err != nil {
		return nil, err
	}
	if c.plan == nil {
		return &admin.Planned{Findings: c.findings()}, nil
	}
	g, old := newGraph(c.cfg, c.cat, nil), e.graph.Load()
	known := map[string]bool{}
	for address := range old.sources {
		known["source."+address] = true
	}
	for address := range old.sinks {
		known["sink."+address] = true
	}
	c.diags = append(c.diags, e.check(ctx, g, func(address string) bool {
		return !known[address] || c.plan.Touched(address)&plan.Plugin != 0
	})...)
	c.diags.Sort()
	out := &admin.Planned{Findings: c.findings()}
	if out.Errors == 0 {
		out.Plan = c.plan
	}
	return out, nil
}

// Apply implements admin.Changer. It goes on when ctx ends.
func (e *Engine) Apply(ctx context.Context, id string, discard []string) (*admin.Applied, error) {
	type result struct {
		out *admin.Applied
		err error
	}
	release, err := e.claim(ctx)
	if err != nil {
		return nil, err
	}
	done := make(chan result, 1)
	e.changes.Add(1)
	go func() {
		defer e.changes.Done()
		defer release()
		out, err := e.apply(e.ctx, id, discard)
		e.record(out, err)
		done <- result{out, err}
	}()
	select {
	case r := <-done:
		return r.out, r.err
	case <-ctx.Done():
		return nil, admin.ErrUnderWay
	}
}

// Reload implements admin.Changer: Apply without a plan that was shown before.
func (e *Engine) Reload(ctx context.Context) (*admin.Applied, error) { return e.Apply(ctx, "", nil) }

// apply reads, checks and puts to work. Nobody else changes anything meanwhile.
func (e *Engine) apply(ctx context.Context, id string, discard []string) (*admin.Applied, error) {
	began := time.Now()
	c, err := e.consider(ctx)
	if err != nil {
		return nil, err
	}
	out := &admin.Applied{Findings: c.findings(), Generation: e.generation()}
	if c.plan == nil {
		return out, admin.ErrInvalid
	}
	out.Plan = c.plan
	if id != "" && id != c.plan.ID {
		return out, admin.ErrStale
	}
	if err := e.checkDiscard(c.plan, discard); err != nil {
		return out, err
	}
	old := e.graph.Load()
	cfg := plan.Pin(old.cfg, c.cfg)
	ch := &change{Engine: e, old: old, next: newGraph(cfg, c.cat, e.snapshot(cfg, c.cat)), plan: c.plan, discard: discard}
	diags, err := ch.prepare(ctx)
	if diags.HasErrors() {
		c.diags = append(c.diags, diags...)
		c.diags.Sort()
		out.Findings = c.findings()
		return out, errors.Join(admin.ErrInvalid, err)
	}
	if err != nil {
		return out, fmt.Errorf("%w: %w", admin.ErrNotApplied, err)
	}
	if err := ch.replace(ctx); err != nil {
		return out, fmt.Errorf("%w: %w", admin.ErrNotApplied, err)
	}
	e.arrived(ch.next, c.plan)
	out.Generation = e.generation()
	notes, err := ch.finish(ctx)
	out.Notes = append(ch.notes, notes...)
	out.Queues = e.unread(ch.next)
	out.TookMS = time.Since(began).Milliseconds()
	return out, err
}

// checkDiscard refuses to give up what has a reader, or what is not there.
func (e *Engine) checkDiscard(p *plan.Plan, words []string) error {
	for _, w := range words {
		ok := false
		for _, q := range p.Queues {
			ok = ok || chosen(q, []string{w})
		}
		for _, ch := range p.Changes {
			ok = ok || (ch.Address == w && ch.Action == plan.Remove)
		}
		if !ok {
			return fmt.Errorf("%w: nothing can be given up for %q: it is configured, or nothing waits for it", admin.ErrDiscard, w)
		}
	}
	return nil
}

func (e *Engine) generation() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.config.Generation
}

// arrived notes that a generation is at work.
func (e *Engine) arrived(g *graph, p *plan.Plan) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.config.NeedsRestart = nil
	if p == nil {
		e.config.Generation, e.config.LoadedAt = 1, time.Now().UTC()
		return
	}
	if !p.Empty() {
		e.config.Generation++
		e.config.LoadedAt = time.Now().UTC()
	}
	for i := range p.Changes {
		for _, a := range p.Changes[i].Attributes {
			if a.Effect == plan.RestartProcess {
				e.config.NeedsRestart = append(e.config.NeedsRestart, p.Changes[i].Address+"."+a.Path)
			}
		}
	}
	if !p.Empty() {
		e.log.Info().Int("generation", e.config.Generation).Int("sources", len(g.sources)).Int("sinks", len(g.sinks)).
			Int("pipelines", len(g.pipes)).Strs("needs_restart", e.config.NeedsRestart).Msg("configuration is at work")
	}
}

// record keeps how a change ended, for status and the log.
func (e *Engine) record(out *admin.Applied, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := &e.config
	c.LastReload = time.Now().UTC()
	if err == nil {
		c.Reloads++
		c.LastError, c.LastProblems = "", nil
		return
	}
	c.Failures++
	c.LastError, c.LastProblems = inspect.MaskText(err.Error()), nil
	if out != nil {
		c.LastProblems = out.Problems
	}
	e.log.Error().Err(err).Msg("configuration was not changed, the last good one goes on")
	for _, p := range c.LastProblems {
		e.log.Error().Str("problem", p).Msg("configuration has an error")
	}
}

// reloadLoop answers Options.Reload.
func (e *Engine) reloadLoop(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.o.Reload:
		}
		if out, err := e.Reload(ctx); err == nil {
			e.log.Info().Int("generation", out.Generation).Str("changes", out.Plan.Summary.String()).
				Str("notes", strings.Join(out.Notes, "; ")).Msg("configuration reloaded")
		}
	}
}
