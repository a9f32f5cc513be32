package receiver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/auth"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/net/netutil"
)

// Options configure a Receiver. Zero limits take the defaults in brackets.
type Options struct {
	Journal *journal.Journal
	Log     zerolog.Logger
	// Registry gets the receiver's metrics; nil means none are kept.
	Registry prometheus.Registerer
	Now      func() time.Time

	MaxInFlight    int64         // bytes of bodies being handled at once [64 MiB]
	MaxConnections int           // [10,000]
	MaxHeaderBytes int           // [32 KiB]
	HeaderTimeout  time.Duration // [5 s]
	BodyTimeout    time.Duration // whole request [15 s]
	IdleTimeout    time.Duration // [60 s]
	WriteTimeout   time.Duration // [10 s] beyond BodyTimeout
	TLS            *tls.Config
}

// Receiver is the HTTP side of core. It is safe for concurrent use.
type Receiver struct {
	opts      Options
	metrics   *metrics
	endpoints atomic.Pointer[map[string]*endpoint]
	inFlight  atomic.Int64 // bytes
	active    atomic.Int64 // requests
	busyAt    int64
	draining  atomic.Bool
	swap      sync.Mutex
}

// New returns a receiver without endpoints.
func New(o Options) *Receiver {
	def := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.HeaderTimeout, 5*time.Second)
	def(&o.BodyTimeout, 15*time.Second)
	def(&o.IdleTimeout, time.Minute)
	def(&o.WriteTimeout, 10*time.Second)
	if o.MaxInFlight == 0 {
		o.MaxInFlight = 64 << 20
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = 10000
	}
	if o.MaxHeaderBytes == 0 {
		o.MaxHeaderBytes = 32 << 10
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Receiver{opts: o, metrics: newMetrics(o.Registry), busyAt: int64(busyPerCPU * runtime.GOMAXPROCS(0))}
	r.endpoints.Store(&map[string]*endpoint{})
	return r
}

// SetEndpoints replaces all endpoints at once. On an error the old ones stay.
func (r *Receiver) SetEndpoints(cs []Config) error {
	r.swap.Lock()
	defer r.swap.Unlock()
	next := make(map[string]*endpoint, len(cs))
	for _, c := range cs {
		if _, ok := next[c.Path]; ok {
			return fmt.Errorf("receiver: two sources at %s", c.Path)
		}
		e, err := newEndpoint(c, r.metrics)
		if err != nil {
			return err
		}
		next[c.Path] = e
	}
	old := r.endpoints.Swap(&next)
	r.flushRefused(*old)
	return nil
}

// busyPerCPU is how many requests must be in hand, for each processor, for the
// receiver to be busy.
const busyPerCPU = 4

// Busy reports whether so many requests are in hand that what can wait should:
// acknowledgements come first, the journal keeps the rest.
func (r *Receiver) Busy() bool { return r.active.Load() >= r.busyAt }

// maxHeaderLines bounds how many header lines a request may have.
const maxHeaderLines = 100

// Run serves l until ctx ends, then lets requests in hand finish within grace.
func (r *Receiver) Run(ctx context.Context, l net.Listener, grace time.Duration) error {
	l = netutil.LimitListener(l, r.opts.MaxConnections)
	if r.opts.TLS != nil {
		l = tls.NewListener(l, r.opts.TLS)
	}
	srv := &http.Server{
		Handler: r, ReadHeaderTimeout: r.opts.HeaderTimeout, ReadTimeout: r.opts.BodyTimeout,
		WriteTimeout: r.opts.BodyTimeout + r.opts.WriteTimeout, IdleTimeout: r.opts.IdleTimeout,
		MaxHeaderBytes: r.opts.MaxHeaderBytes, ErrorLog: nil,
	}
	flushed := make(chan struct{})
	flushCtx, stopFlush := context.WithCancel(context.Background())
	go func() {
		defer close(flushed)
		r.countRefused(flushCtx)
	}()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		r.draining.Store(true)
		graceCtx, cancel := context.WithTimeout(context.Background(), grace)
		err = srv.Shutdown(graceCtx)
		cancel()
		if err != nil {
			_ = srv.Close()
		}
		<-done
	}
	stopFlush()
	<-flushed
	if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("receiver: serve: %w", err)
	}
	return nil
}

// countRefused tells the ledger about refused requests, which store nothing by
// themselves, a second late at most.
func (r *Receiver) countRefused(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			r.flushRefused(*r.endpoints.Load())
		case <-ctx.Done():
			r.flushRefused(*r.endpoints.Load())
			return
		}
	}
}

func (r *Receiver) flushRefused(es map[string]*endpoint) {
	tx := r.opts.Journal.Begin()
	n := 0
	for _, e := range es {
		if c := e.refused.Swap(0); c > 0 {
			tx.Count(journal.Row{Scope: journal.ScopeRaw, Name: e.Source, Outcome: journal.Refused}, c)
			n++
		}
	}
	if n == 0 {
		tx.Discard()
		return
	}
	if err := tx.Commit(journal.Lazy); err != nil && !errors.Is(err, journal.ErrClosed) {
		r.opts.Log.Warn().Err(err).Msg("refused requests could not be counted")
	}
}

// buffers holds what one request needs while it is handled.
type buffers struct {
	body    []byte
	wire    []byte
	headers []sdk.HeaderField
}

var bufferPool = sync.Pool{New: func() any { return &buffers{body: make([]byte, 0, 4<<10), wire: make([]byte, 0, 8<<10)} }}

// keepBuffer is the largest buffer that goes back to the pool.
const keepBuffer = 256 << 10

func (b *buffers) release() {
	if cap(b.body) > keepBuffer || cap(b.wire) > keepBuffer {
		return
	}
	clear(b.headers)
	b.body, b.wire, b.headers = b.body[:0], b.wire[:0], b.headers[:0]
	bufferPool.Put(b)
}

// ServeHTTP implements http.Handler.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	e := (*r.endpoints.Load())[req.URL.Path]
	if e == nil || req.URL.RawPath != "" {
		r.metrics.unknown.Inc()
		reply(w, answer{status: http.StatusNotFound})
		return
	}
	began := time.Now()
	if status := r.check(e, req); status != 0 {
		e.metrics.count(outcomeOf(status))
		if status == http.StatusServiceUnavailable {
			reply(w, e.pressure)
			return
		}
		reply(w, answer{status: status})
		return
	}
	b := bufferPool.Get().(*buffers)
	defer b.release()
	var held int64
	defer func() { r.inFlight.Add(-held) }()
	reserve := func(n int64) bool {
		held += n
		return r.inFlight.Add(n) <= r.opts.MaxInFlight
	}
	if err := readBody(b, w, req, e.MaxBody, reserve); err != nil {
		r.bodyError(w, e, err)
		return
	}
	// From here on nothing waits for the client.
	r.active.Add(1)
	defer r.active.Add(-1)
	r.handle(w, req, e, b)
	e.metrics.latency.Observe(time.Since(began).Seconds())
}

// check refuses what needs no body to be refused. 0 means go on.
func (r *Receiver) check(e *endpoint, req *http.Request) int {
	switch {
	case r.draining.Load(), e.auth == nil:
		return http.StatusServiceUnavailable
	case !e.methods[req.Method] && !e.shakes(req.Method):
		return http.StatusMethodNotAllowed
	case req.ContentLength > e.MaxBody:
		return http.StatusRequestEntityTooLarge
	case headerLines(req.Header) > maxHeaderLines:
		return http.StatusRequestHeaderFieldsTooLarge
	case len(req.Header["Content-Encoding"]) > 0 && req.Header.Get("Content-Encoding") != "identity":
		// No provider that we serve compresses; refusing unread is the safest
		// answer to a compressed bomb.
		return http.StatusUnsupportedMediaType
	case !utf8.ValidString(req.URL.RawQuery):
		return http.StatusBadRequest
	}
	return 0
}

func outcomeOf(status int) string {
	if status == http.StatusServiceUnavailable {
		return "pressure"
	}
	return "invalid"
}

func headerLines(h http.Header) int {
	n := 0
	for _, vs := range h {
		n += len(vs)
	}
	return n
}

func (e *endpoint) shakes(method string) bool {
	return slices.ContainsFunc(e.handshakes, func(h handshake) bool { return h.method == method })
}

var (
	errTooLarge = errors.New("receiver: body too large")
	errPressure = errors.New("receiver: too much in hand")
)

// bodyStep is how much of a body is made room for unseen: memory is reserved as
// bytes arrive, so that neither a length that is only announced nor a body
// without one gets past the limit, or keeps others out (I12).
const bodyStep = 64 << 10

func readBody(b *buffers, w http.ResponseWriter, req *http.Request, limit int64, reserve func(int64) bool) error {
	src, room := req.Body, min(req.ContentLength+1, bodyStep)
	if req.ContentLength < 0 {
		src, room = http.MaxBytesReader(w, req.Body, limit), 4<<10
	}
	if !reserve(room) {
		return errPressure
	}
	body := b.body[:0]
	for {
		if int64(len(body)) == room {
			if !reserve(room) {
				return errPressure
			}
			room *= 2
		}
		if int64(cap(body)) < room {
			body = slices.Grow(body, int(room)-len(body))
		}
		n, err := src.Read(body[len(body):room])
		body = body[:len(body)+n]
		if err == io.EOF {
			b.body = body
			return nil
		}
		if err != nil {
			b.body = body[:0]
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				return errTooLarge
			}
			return err
		}
	}
}

func (r *Receiver) bodyError(w http.ResponseWriter, e *endpoint, err error) {
	w.Header().Set("Connection", "close")
	if errors.Is(err, errPressure) {
		e.metrics.count("pressure")
		reply(w, e.pressure)
		return
	}
	e.metrics.count("invalid")
	status := http.StatusBadRequest
	if errors.Is(err, errTooLarge) {
		status = http.StatusRequestEntityTooLarge
	} else if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		status = http.StatusRequestTimeout
	}
	reply(w, answer{status: status})
}

// handle authenticates, stores and answers.
func (r *Receiver) handle(w http.ResponseWriter, req *http.Request, e *endpoint, b *buffers) {
	url := e.PublicURL
	if req.URL.RawQuery != "" || req.URL.ForceQuery {
		url += "?" + req.URL.RawQuery
	}
	ar := auth.Request{Method: req.Method, URL: url, Header: req.Header, Body: b.body}
	for i := range e.handshakes {
		if h := &e.handshakes[i]; !h.authenticated && h.matches(&ar) {
			r.shake(w, e, h, &ar)
			return
		}
	}
	if !e.methods[req.Method] {
		e.metrics.count("invalid")
		reply(w, answer{status: http.StatusMethodNotAllowed})
		return
	}
	now := r.opts.Now()
	res := e.auth.Verify(&ar, now)
	d := r.delivery(e, req, &ar, b, now)
	if e.auth.External() {
		res = r.askPlugin(req.Context(), e, d, b)
		if res.Reason == "unavailable" {
			e.metrics.count("pressure")
			reply(w, e.pressure)
			return
		}
	}
	if !res.OK && !e.Quarantine {
		e.refused.Add(1)
		e.metrics.count("refused")
		e.metrics.refusal(res.Reason)
		reply(w, e.refusal)
		return
	}
	for i := range e.handshakes {
		if h := &e.handshakes[i]; res.OK && h.authenticated && h.matches(&ar) {
			r.shake(w, e, h, &ar)
			return
		}
	}
	d.Authenticated, d.Key = res.OK && !e.auth.Open(), res.Key
	r.store(w, e, d, b, res.OK)
}

func (r *Receiver) shake(w http.ResponseWriter, e *endpoint, h *handshake, ar *auth.Request) {
	a, ok := h.reply(ar)
	if !ok {
		e.metrics.count("refused")
		reply(w, answer{status: http.StatusForbidden})
		return
	}
	e.metrics.count("handshake")
	reply(w, a)
}

// delivery is the request as it is stored.
func (r *Receiver) delivery(e *endpoint, req *http.Request, ar *auth.Request, b *buffers, now time.Time) *sdk.Delivery {
	d := &sdk.Delivery{
		ReceivedAt: now.UTC(), Method: req.Method, URL: redactQuery(ar.URL, e.auth.SecretQuery()), Body: b.body,
	}
	if host, _, err := net.SplitHostPort(req.RemoteAddr); err == nil {
		d.Remote = host
	}
	hs := append(b.headers[:0], sdk.HeaderField{Name: "Host", Value: req.Host})
	for name, values := range req.Header {
		if e.secret[name] || hopByHop[name] {
			continue
		}
		for _, v := range values {
			hs = append(hs, sdk.HeaderField{Name: name, Value: v})
		}
	}
	slices.SortStableFunc(hs, func(a, b sdk.HeaderField) int {
		if a.Name < b.Name {
			return -1
		} else if a.Name > b.Name {
			return 1
		}
		return 0
	})
	b.headers, d.Headers = hs, hs
	return d
}

var hopByHop = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

func (r *Receiver) askPlugin(ctx context.Context, e *endpoint, d *sdk.Delivery, b *buffers) auth.Result {
	var framed []byte
	b.wire, framed = frame(b.wire, d)
	ok, err := e.Verify(ctx, framed)
	if err != nil {
		r.opts.Log.Warn().Str("source", e.Source).Err(err).Msg("verifier did not answer")
		return auth.Result{Reason: "unavailable"}
	}
	return auth.Result{OK: ok, Reason: "bad_signature"}
}

// store keeps the request and answers. I1: the 2xx follows the sync.
func (r *Receiver) store(w http.ResponseWriter, e *endpoint, d *sdk.Delivery, b *buffers, genuine bool) {
	var framed []byte
	b.wire, framed = frame(b.wire, d)
	off, err := e.Log.Append(framed)
	if err != nil {
		if !errors.Is(err, journal.ErrFull) && !errors.Is(err, journal.ErrClosed) {
			r.opts.Log.Error().Str("source", e.Source).Err(err).Msg("request could not be stored")
		}
		e.metrics.count("pressure")
		reply(w, e.pressure)
		return
	}
	if genuine {
		e.metrics.count("stored")
	} else {
		e.metrics.count("quarantined")
	}
	// For people with curl and for `patchbay trigger`; providers ignore it.
	w.Header()["Patchbay-Delivery"] = []string{e.Source + "/" + strconv.FormatUint(off, 10)}
	reply(w, e.success)
}

func reply(w http.ResponseWriter, a answer) {
	h := w.Header()
	if a.contentType != "" {
		h["Content-Type"] = []string{a.contentType}
	} else {
		h["Content-Type"] = nil // nothing to describe, nothing to guess
	}
	if a.retryAfter != "" && a.status >= 400 {
		h["Retry-After"] = []string{a.retryAfter}
	}
	w.WriteHeader(a.status)
	if len(a.body) > 0 {
		_, _ = w.Write(a.body) // the client is gone if this fails; the request is stored
	}
}
