package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/patchbay-io/patchbay/core/certificate"
	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/lookup"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/core/tap"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
)

// Core is what is administered. Its methods are called concurrently.
type Core interface {
	Journal() *journal.Journal
	// Ready reports whether every source can receive, and otherwise why not.
	Ready() (bool, []string)
	Status() Status
	// Tap is where events can be watched as they pass.
	Tap() *tap.Hub
	// RetryDeadLetter has a dead letter tried again and returns once the
	// outcome is durable.
	RetryDeadLetter(ctx context.Context, id uint64) error
}

// Status is where a core stands.
type Status struct {
	Version  string          `json:"version"`
	Started  time.Time       `json:"started"`
	Receiver string          `json:"receiver,omitempty"` // address, empty until it listens
	Ready    bool            `json:"ready"`
	Reasons  []string        `json:"reasons,omitempty"` // why it is not ready
	Config   ConfigStatus    `json:"config"`
	Sources  []SourceStatus  `json:"sources"`
	Lanes    []LaneStatus    `json:"lanes"`
	Sinks    []SinkStatus    `json:"sinks"`
	Lookups  []LookupStatus  `json:"lookups,omitempty"`
	Journal  journal.Metrics `json:"journal"`
	Full     bool            `json:"full"` // no room, nothing is accepted; Reasons say more
	// Certificate is the receiver's; nil without TLS.
	Certificate *certificate.Status `json:"certificate,omitempty"`
	// Warnings are what a person should look at although everything works.
	Warnings []string `json:"warnings,omitempty"`
}

// SourceStatus is where a source stands.
type SourceStatus struct {
	Address string            `json:"address"`
	Path    string            `json:"path"`
	Plugin  pluginhost.Status `json:"plugin"`
}

// LookupStatus is where a lookup stands.
type LookupStatus struct {
	Address string `json:"address"`
	lookup.Status
}

// LaneStatus is how much of a source a pipeline has yet to process.
type LaneStatus struct {
	Pipeline string `json:"pipeline"`
	Source   string `json:"source"`
	Backlog  uint64 `json:"backlog"` // requests
}

// SinkStatus is where a sink stands, in each pipeline that uses it.
type SinkStatus struct {
	Address  string            `json:"address"`
	Plugin   pluginhost.Status `json:"plugin"`
	Dispatch []dispatch.Status `json:"dispatch"`
}

// The bounds of requests and their answers.
const (
	maxConnections = 64
	maxHeaderBytes = 16 << 10
	maxBody        = 4 << 10 // no request needs one
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	answerTimeout  = 90 * time.Second
	idleTimeout    = time.Minute
)

// Server answers. It is safe for concurrent use.
type Server struct {
	core    Core
	log     zerolog.Logger
	token   [sha256.Size]byte
	now     func() time.Time
	handler http.Handler
	ending  chan struct{} // closed when Run ends: what would not end by itself ends then
	end     sync.Once

	mu   sync.Mutex
	busy map[uint64]bool // dead letters that somebody is changing
}

// New returns a Server. reg is what /metrics shows; token must not be empty.
func New(core Core, reg prometheus.Gatherer, log zerolog.Logger, token string) *Server {
	if token == "" {
		panic("admin: an empty token would let everybody in")
	}
	s := &Server{core: core, log: log, token: sha256.Sum256([]byte(token)), now: time.Now, busy: map[uint64]bool{}, ending: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	s.routes(mux)
	s.handler = s.guard(mux)
	return s
}

// Run serves l until ctx ends, then lets requests in hand finish within grace.
func (s *Server) Run(ctx context.Context, l net.Listener, grace time.Duration) error {
	base, stop := context.WithCancel(context.Background())
	defer stop()
	srv := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: answerTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		BaseContext: func(net.Listener) context.Context { return base },
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(limit(l, maxConnections)) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		s.end.Do(func() { close(s.ending) })
		graceCtx, cancel := context.WithTimeout(context.Background(), grace)
		if err = srv.Shutdown(graceCtx); err != nil {
			stop() // ends what is still being answered
			_ = srv.Close()
		}
		cancel()
		<-done
	}
	if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("admin: serve: %w", err)
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// guard refuses foreign names and oversized bodies before anything else looks at
// a request.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if !localHost(r.Host) {
			fail(w, http.StatusMisdirectedRequest, "foreign_host", "this listener answers to loopback names only")
			return
		}
		if r.ContentLength > maxBody {
			fail(w, http.StatusRequestEntityTooLarge, "too_large", "no request needs a body")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// localHost reports whether a Host header names this machine to itself.
func localHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// trusted lets a request pass that has the token.
func (s *Server) trusted(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		sum := sha256.Sum256([]byte(given)) // equal lengths, so that the comparison takes constant time
		if !ok || subtle.ConstantTimeCompare(sum[:], s.token[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			fail(w, http.StatusUnauthorized, "unauthorized", "this needs the token in admin.json")
			return
		}
		next(w, r)
	}
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	succeed(w, map[string]string{"status": "alive"})
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	ok, reasons := s.core.Ready()
	if reasons == nil {
		reasons = []string{}
	}
	body := map[string]any{"ready": ok, "reasons": reasons}
	if ok {
		succeed(w, body)
		return
	}
	write(w, http.StatusServiceUnavailable, Envelope{Data: marshal(body), Error: &Error{Code: "not_ready", Message: strings.Join(reasons, "; ")}})
}
