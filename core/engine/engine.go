package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/patchbay-io/patchbay/core/admin"
	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/core/certificate"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/lookup"
	"github.com/patchbay-io/patchbay/core/pipeline"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/core/receiver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"
)

// Options are what a configuration does not say.
type Options struct {
	Log     zerolog.Logger
	Version string
	// Grace is how long the end may take; zero means 15 s.
	Grace time.Duration
	// Ready, if set, is called once the receiver listens, with its address and
	// the admin listener's.
	Ready func(receiver, admin net.Addr)
}

// Engine is a configuration at work. It is used once.
type Engine struct {
	cfg *config.Config
	cat *catalog.Catalog
	o   Options
	log zerolog.Logger

	journal     *journal.Journal
	receiver    *receiver.Receiver
	certificate *certificate.Keeper // nil without TLS
	registry    *prometheus.Registry
	sources     map[string]*source
	sinks       map[string]*sink
	lookups     map[string]lookup.Table
	lanes       []*pipeline.Lane
	dispatchers []*dispatch.Dispatcher
	background  []func(context.Context) error // what stages do beside their events
	started     time.Time
	socketDir   string

	mu         sync.Mutex
	listening  net.Addr
	endpointMu sync.Mutex
}

// New prepares an engine. Nothing is started or opened before Check or Run.
func New(cfg *config.Config, cat *catalog.Catalog, o Options) (*Engine, error) {
	if o.Grace == 0 {
		o.Grace = 15 * time.Second
	}
	e := &Engine{
		cfg: cfg, cat: cat, o: o, started: time.Now(),
		sources: map[string]*source{}, sinks: map[string]*sink{}, lookups: map[string]lookup.Table{},
		registry: prometheus.NewRegistry(),
	}
	e.log = o.Log
	e.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &gauges{e})
	return e, nil
}

// Run works until ctx ends, then stops in order and returns nil. An error means
// that it could not start, or that the journal failed.
func (e *Engine) Run(ctx context.Context) (err error) {
	if err := e.openJournal(); err != nil {
		return err
	}
	// The journal closes last, whatever happened.
	defer func() { err = errors.Join(err, e.journal.Close()) }()
	defer os.RemoveAll(e.socketDir)
	rl, err := net.Listen("tcp", e.cfg.Receiver.Listen)
	if err != nil {
		return fmt.Errorf("engine: receiver: %w", err)
	}
	defer rl.Close()
	al, err := net.Listen("tcp", e.cfg.Admin.Listen)
	if err != nil {
		return fmt.Errorf("engine: admin: %w", err)
	}
	defer al.Close()
	if err := e.build(); err != nil {
		return err
	}
	return e.serve(ctx, rl, al)
}

func (e *Engine) openJournal() error {
	j, err := journal.Open(journal.Options{
		Dir: filepath.Join(e.cfg.DataDir, "journal"), Log: e.log.With().Str("part", "journal").Logger(),
		MinFree: uint64(e.cfg.Journal.MinFree), MaxDisk: uint64(e.cfg.Journal.MaxDisk), MemTableBytes: memTable(e.cfg.Journal.MaxDisk),
	})
	if err != nil {
		return err
	}
	e.journal = j
	// Sockets have a path limit of about 100 bytes, data directories have not.
	// What a killed predecessor left is removed: the journal's lock says that it
	// is dead.
	e.socketDir = filepath.Join(os.TempDir(), "patchbay-"+j.StoreID()[:12])
	err = os.RemoveAll(e.socketDir)
	if err == nil {
		err = os.Mkdir(e.socketDir, 0o700)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("engine: socket directory: %w", err), j.Close())
	}
	return nil
}

// serve runs all parts until ctx ends or one fails, and stops them in order.
func (e *Engine) serve(ctx context.Context, rl, al net.Listener) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var plugins, workers, front group
	plugins.init(cancel)
	workers.init(cancel)
	front.init(cancel)

	for _, s := range e.sources {
		plugins.run(func(ctx context.Context) error { return e.runPlugin(ctx, s.proc) })
	}
	for _, s := range e.sinks {
		plugins.run(func(ctx context.Context) error { return e.runPlugin(ctx, s.proc) })
	}
	for _, l := range e.cfg.Lookups {
		t := e.lookups[l.Address]
		workers.run(func(ctx context.Context) error { t.Run(ctx); return nil })
	}
	for _, f := range e.background {
		workers.run(f)
	}
	for _, l := range e.lanes {
		workers.run(l.Run)
	}
	for _, d := range e.dispatchers {
		workers.run(d.Run)
	}
	workers.run(e.trimLoop)
	if e.certificate != nil {
		workers.run(e.certificate.Run)
	}
	token, err := e.writeAdminFile(al.Addr())
	if err != nil {
		cancel(err)
	} else {
		front.run(func(ctx context.Context) error { return e.receiver.Run(ctx, rl, e.o.Grace/2) })
		srv := admin.New(e, e.registry, e.log, token)
		front.run(func(ctx context.Context) error { return srv.Run(ctx, al, time.Second) })
		e.announce(rl.Addr(), al.Addr())
	}

	<-ctx.Done()
	e.log.Info().Msg("stopping")
	front.stop()
	workers.stop()
	for _, s := range e.sinks {
		if err := s.close(); err != nil {
			e.log.Warn().Err(err).Str("sink", s.cfg.Address).Msg("sink did not close")
		}
	}
	plugins.stop()
	_ = os.Remove(e.adminFile())
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

func (e *Engine) announce(rl, al net.Addr) {
	e.mu.Lock()
	e.listening = rl
	e.mu.Unlock()
	e.log.Info().Str("receiver", rl.String()).Str("admin", al.String()).Int("sources", len(e.sources)).
		Int("sinks", len(e.sinks)).Int("pipelines", len(e.cfg.Pipelines)).Msg("patchbay is running")
	if e.o.Ready != nil {
		e.o.Ready(rl, al)
	}
}

// runPlugin keeps a plugin running. One that refuses its configuration stops,
// visibly, and nothing else does (I13).
func (e *Engine) runPlugin(ctx context.Context, p *pluginhost.Process) error {
	if err := p.Run(ctx); err != nil {
		e.log.Error().Err(err).Str("plugin", p.Address()).Msg("plugin stopped")
	}
	return nil
}

// group is a set of goroutines that are stopped together. The first error of
// one of them ends the engine.
type group struct {
	ctx    context.Context
	cancel context.CancelFunc
	fail   context.CancelCauseFunc
	wg     sync.WaitGroup
}

func (g *group) init(fail context.CancelCauseFunc) {
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.fail = fail
}

func (g *group) run(f func(context.Context) error) {
	g.wg.Add(1)
	go func() {
		defer g.wg.Done()
		if err := f(g.ctx); err != nil {
			g.fail(err)
		}
	}()
}

func (g *group) stop() {
	g.cancel()
	g.wg.Wait()
}

func (e *Engine) adminFile() string { return filepath.Join(e.cfg.DataDir, "admin.json") }

// writeAdminFile tells the command line where the running core listens, and the
// token that proves it may read this file.
func (e *Engine) writeAdminFile(addr net.Addr) (string, error) {
	var raw [16]byte
	_, _ = io.ReadFull(rand.Reader, raw[:]) // never fails, says crypto/rand
	token := hex.EncodeToString(raw[:])
	data, err := json.Marshal(admin.File{Addr: addr.String(), Token: token, PID: os.Getpid(), Started: e.started.UTC()})
	if err != nil {
		return "", fmt.Errorf("engine: admin file: %w", err)
	}
	tmp := e.adminFile() + ".tmp"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return "", fmt.Errorf("engine: admin file: %w", err)
	}
	if err := os.Rename(tmp, e.adminFile()); err != nil {
		return "", fmt.Errorf("engine: admin file: %w", err)
	}
	return token, nil
}
