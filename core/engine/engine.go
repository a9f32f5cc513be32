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
	"sync/atomic"
	"time"

	"github.com/patchbay-io/patchbay/core/admin"
	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/core/certificate"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/core/receiver"
	"github.com/patchbay-io/patchbay/core/tap"
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
	// Load reads the configuration again, with the plugins as they are now. Nil
	// means that the configuration cannot be changed while it runs. It is never
	// called twice at a time.
	Load func(ctx context.Context) (*config.Config, *catalog.Catalog, diag.List, error)
	// Reload asks, with every value, for what Engine.Reload does.
	Reload <-chan struct{}
	// Processors is what ShareProcessors returned; zero means GOMAXPROCS.
	Processors int
}

// Engine is a configuration at work, and those that follow it. It is used once.
type Engine struct {
	first *graph // what New was given
	o     Options
	log   zerolog.Logger
	// planKey is for the hashes of secrets in snapshots.
	planKey []byte

	journal  *journal.Journal
	receiver *receiver.Receiver
	// certificate is nil without TLS.
	certificate *certificate.Keeper
	registry    *prometheus.Registry
	tap         tap.Hub
	started     time.Time
	socketDir   string
	ctx         context.Context // ends when the engine begins to stop
	fail        context.CancelCauseFunc

	// graph is the generation at work, nil until all of the first is made.
	graph atomic.Pointer[graph]
	// changing holds a value while somebody plans or changes the configuration.
	changing chan struct{}
	changes  sync.WaitGroup // that are under way

	mu        sync.Mutex // guards what follows
	listening net.Addr
	config    admin.ConfigStatus

	endpointMu sync.Mutex
	leaving    map[string]bool // sources; guarded by endpointMu
}

// New prepares an engine. Nothing is started or opened before Check or Run.
func New(cfg *config.Config, cat *catalog.Catalog, o Options) (*Engine, error) {
	if o.Grace == 0 {
		o.Grace = 15 * time.Second
	}
	e := &Engine{
		o: o, log: o.Log, started: time.Now(), registry: prometheus.NewRegistry(), planKey: make([]byte, 32),
		changing: make(chan struct{}, 1), leaving: map[string]bool{},
	}
	_, _ = rand.Read(e.planKey) // never fails, says crypto/rand
	e.first = newGraph(cfg, cat, nil)
	e.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &gauges{e})
	return e, nil
}

// Run works until ctx ends, then stops in order and returns nil. An error means
// that it could not start, or that the journal failed.
func (e *Engine) Run(ctx context.Context) (err error) {
	cfg := e.first.cfg
	e.first.snap = e.snapshot(cfg, e.first.cat)
	if err := e.openJournal(cfg); err != nil {
		return err
	}
	// The journal closes last, whatever happened.
	defer func() { err = errors.Join(err, e.journal.Close()) }()
	defer os.RemoveAll(e.socketDir)
	rl, err := net.Listen("tcp", cfg.Receiver.Listen)
	if err != nil {
		return fmt.Errorf("engine: receiver: %w", err)
	}
	defer rl.Close()
	al, err := net.Listen("tcp", cfg.Admin.Listen)
	if err != nil {
		return fmt.Errorf("engine: admin: %w", err)
	}
	defer al.Close()
	if err := e.addReceiver(&cfg.Receiver); err != nil {
		return err
	}
	if err := e.assemble(e.first); err != nil {
		return err
	}
	if err := e.markReaders(e.first, nil); err != nil {
		return err
	}
	return e.serve(ctx, rl, al)
}

func (e *Engine) openJournal(cfg *config.Config) error {
	j, err := journal.Open(journal.Options{
		Dir: filepath.Join(cfg.DataDir, "journal"), Log: e.log.With().Str("part", "journal").Logger(),
		MinFree: uint64(cfg.Journal.MinFree), MaxDisk: uint64(cfg.Journal.MaxDisk), MemTableBytes: memTable(cfg.Journal.MaxDisk),
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
	e.ctx, e.fail = ctx, cancel
	e.graph.Store(e.first)
	e.arrived(e.first, nil)
	err := e.setEndpoints()
	e.run(e.first)
	beside := []*task{e.start(e.trimLoop)}
	if e.certificate != nil {
		beside = append(beside, e.start(e.certificate.Run))
	}
	var front []*task
	var token string
	if err == nil {
		token, err = e.writeAdminFile(al.Addr())
	}
	if err != nil {
		cancel(err)
	} else {
		front = append(front, e.start(func(ctx context.Context) error { return e.receiver.Run(ctx, rl, e.o.Grace/2) }))
		srv := admin.New(e, e.registry, e.log, token)
		front = append(front, e.start(func(ctx context.Context) error { return srv.Run(ctx, al, time.Second) }), e.start(e.reloadLoop))
		e.announce(rl.Addr(), al.Addr())
	}

	<-ctx.Done()
	e.log.Info().Msg("stopping")
	stopAll(front)
	e.changes.Wait() // a change under way ends with ctx, at a generation that is whole
	stopAll(beside)
	e.halt(e.graph.Load())
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
	g := e.graph.Load()
	e.log.Info().Str("receiver", rl.String()).Str("admin", al.String()).Int("sources", len(g.sources)).
		Int("sinks", len(g.sinks)).Int("pipelines", len(g.pipes)).Msg("patchbay is running")
	if e.o.Ready != nil {
		e.o.Ready(rl, al)
	}
}

// startSource and startSink keep a plugin running. One that refuses its
// configuration stops, visibly, and nothing else does (I13).
func (e *Engine) startSource(s *source) *task {
	return e.start(func(ctx context.Context) error {
		s.ended = e.runPlugin(ctx, s.proc)
		return nil
	})
}

func (e *Engine) startSink(s *sink) *task {
	return e.start(func(ctx context.Context) error {
		_ = e.runPlugin(ctx, s.proc) // it has no configuration of its own to refuse yet
		return nil
	})
}

func (e *Engine) runPlugin(ctx context.Context, p *pluginhost.Process) error {
	err := p.Run(ctx)
	if err != nil {
		e.log.Error().Err(err).Str("plugin", p.Address()).Msg("plugin stopped")
	}
	return err
}

func (e *Engine) adminFile() string { return filepath.Join(e.first.cfg.DataDir, "admin.json") }

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
