package receiver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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
	MinBodyRate    int64         // bytes a second, for bodies that do not come at once [8 KiB]
	BodyGrace      time.Duration // how long they may take beside that [3 s]
	IdleTimeout    time.Duration // [60 s]
	WriteTimeout   time.Duration // [10 s] beyond BodyTimeout
	// TLS makes the listener speak TLS; nil means plain HTTP.
	TLS *tls.Config
	// Processors is how many processors the process may use; zero means GOMAXPROCS.
	Processors int
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
	def(&o.BodyGrace, 3*time.Second)
	if o.MinBodyRate == 0 {
		o.MinBodyRate = 8 << 10
	}
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
	if o.Processors == 0 {
		o.Processors = runtime.GOMAXPROCS(0)
	}
	r := &Receiver{opts: o, metrics: newMetrics(o.Registry), busyAt: int64(busyPerCPU * o.Processors)}
	r.endpoints.Store(&map[string]*endpoint{})
	return r
}

// SetEndpoints replaces all endpoints at once. On an error the old ones stay.
func (r *Receiver) SetEndpoints(cs []Config) error {
	r.swap.Lock()
	defer r.swap.Unlock()
	next, err := r.compile(cs)
	if err != nil {
		return err
	}
	r.endpoints.Store(&next)
	return nil
}

// CheckEndpoints returns the error that SetEndpoints would.
func (r *Receiver) CheckEndpoints(cs []Config) error {
	_, err := r.compile(cs)
	return err
}

func (r *Receiver) compile(cs []Config) (map[string]*endpoint, error) {
	out := make(map[string]*endpoint, len(cs))
	for _, c := range cs {
		if _, ok := out[c.Path]; ok {
			return nil, fmt.Errorf("receiver: two sources at %s", c.Path)
		}
		e, err := newEndpoint(c, r.metrics)
		if err != nil {
			return nil, err
		}
		out[c.Path] = e
	}
	return out, nil
}

// busyPerCPU is how many requests must be in hand, for each processor, for the
// receiver to be busy.
const busyPerCPU = 4

// Busy reports whether so many requests are in hand that what can wait should:
// acknowledgements come first, the journal keeps the rest.
func (r *Receiver) Busy() bool { return r.active.Load() >= r.busyAt }

// maxHeaderLines bounds how many header lines a request may have.
const maxHeaderLines = 100

// ServeHTTP implements http.Handler.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	e := (*r.endpoints.Load())[req.URL.Path]
	if e == nil || req.URL.RawPath != "" {
		r.metrics.unknown.Inc()
		reply(w, answer{status: http.StatusNotFound})
		return
	}
	began := time.Now()
	from := e.Proxies.origin(req.RemoteAddr, req.Header)
	if from.unclear {
		r.metrics.unclear.Inc()
	}
	if why := e.admit(&from, req); why != "" {
		dismiss(w)
		r.refuse(w, e, why, answer{status: http.StatusForbidden})
		return
	}
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
	if err := r.readBody(b, w, req, e.MaxBody, reserve); err != nil {
		r.bodyError(w, e, err)
		return
	}
	// From here on nothing waits for the client.
	r.active.Add(1)
	defer r.active.Add(-1)
	r.handle(w, req, e, b, from.text)
	e.metrics.latency.Observe(time.Since(began).Seconds())
}

// dismiss ends a stranger's connection with the answer. Without a deadline the
// server would wait for the rest of the body.
func dismiss(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)) // a connection without deadlines is a test's
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
		// No provider that is documented compresses what it sends; refusing unread
		// is the safest answer to a compressed bomb.
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

// handle authenticates, stores and answers.
func (r *Receiver) handle(w http.ResponseWriter, req *http.Request, e *endpoint, b *buffers, from string) {
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
	d.Remote = from
	if e.auth.External() {
		res = r.askPlugin(req.Context(), e, d, b)
		if res.Reason == "unavailable" {
			e.metrics.count("pressure")
			reply(w, e.pressure)
			return
		}
	}
	if !res.OK && !e.Quarantine {
		r.refuse(w, e, res.Reason, e.refusal)
		return
	}
	for i := range e.handshakes {
		if h := &e.handshakes[i]; res.OK && h.authenticated && h.matches(&ar) {
			r.shake(w, e, h, &ar)
			return
		}
	}
	if !e.limit(res.OK, now) {
		e.metrics.count("limited")
		reply(w, e.tooMany)
		return
	}
	d.Authenticated, d.Key = res.OK && !e.auth.Open(), res.Key
	r.store(w, e, d, b, res.OK)
}

// refuse answers a request of which nothing is kept but that it was refused (I3).
func (r *Receiver) refuse(w http.ResponseWriter, e *endpoint, why string, a answer) {
	r.opts.Journal.Tally(journal.Row{Scope: journal.ScopeRaw, Name: e.Source, Source: why, Outcome: journal.Refused}, 1)
	e.metrics.count("refused")
	e.metrics.refusal(why)
	reply(w, a)
}

func (r *Receiver) shake(w http.ResponseWriter, e *endpoint, h *handshake, ar *auth.Request) {
	a, ok := h.reply(ar)
	if !ok {
		r.refuse(w, e, badHandshake, answer{status: http.StatusForbidden})
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
