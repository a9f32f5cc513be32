package receiver

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/sdk/auth"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"golang.org/x/time/rate"
)

// Config is one source's place on the receiver.
type Config struct {
	Source    string // address, e.g. "twilio.support"
	Path      string
	PublicURL string // as the provider knows it, without a query
	MaxBody   int64  // bytes
	// Quarantine stores requests that fail authentication, marked as such,
	// instead of refusing them.
	Quarantine bool
	// Allow are the addresses from which requests are taken at all; empty means
	// any. It is an extra to authentication, never instead.
	Allow []netip.Prefix
	// Proxies are believed about the address that Allow is held against.
	Proxies Proxies
	// ClientCertificate wants a certificate that the listener has verified.
	ClientCertificate bool
	// MaxRate is how many requests a second are stored, with as many at once;
	// zero means any.
	MaxRate int
	// Auth is nil while the source's plugin has not been configured: requests
	// are then answered as under pressure.
	Auth     *wire.Auth
	Endpoint *wire.Endpoint
	Log      *journal.Log
	// Verify asks the plugin about an encoded delivery; needed if Auth says so.
	Verify func(ctx context.Context, delivery []byte) (bool, error)
}

// endpoint is a Config made ready.
type endpoint struct {
	Config
	auth       *auth.Verifier
	methods    map[string]bool
	success    answer
	refusal    answer
	pressure   answer
	tooMany    answer
	handshakes []handshake
	secret     map[string]bool // headers that are never stored
	// The requests of the provider, and those of strangers that quarantine
	// keeps, have a rate each: strangers cannot use up the provider's.
	genuine, others *rate.Limiter
	metrics         endpointMetrics
}

type answer struct {
	status      int
	contentType string
	body        []byte
	retryAfter  string
}

type handshake struct {
	method        string
	authenticated bool
	when          []condition
	secret        *auth.Template
	secretValues  []string
	answer        answer
	body          *auth.Template
}

type condition struct {
	text *auth.Template
	want string
}

func newEndpoint(c Config, m *metrics) (*endpoint, error) {
	if c.Auth == nil {
		return &endpoint{Config: c, pressure: newAnswer(nil, http.StatusServiceUnavailable, time.Second), metrics: m.endpoint(c.Source)}, nil
	}
	v, err := auth.Compile(c.Auth)
	if err != nil {
		return nil, fmt.Errorf("receiver: source %s: %w", c.Source, err)
	}
	if v.External() && c.Verify == nil {
		return nil, fmt.Errorf("receiver: source %s: its scheme needs a verifier", c.Source)
	}
	w := c.Endpoint
	if w == nil {
		w = &wire.Endpoint{}
	}
	if w.MaxBody > 0 {
		c.MaxBody = w.MaxBody
	}
	e := &endpoint{
		Config: c, auth: v, methods: map[string]bool{}, secret: map[string]bool{},
		success:  newAnswer(w.Success, http.StatusOK, 0),
		refusal:  newAnswer(w.Refusal, http.StatusUnauthorized, 0),
		pressure: newAnswer(w.Pressure, http.StatusServiceUnavailable, time.Second),
		tooMany:  newAnswer(w.Pressure, http.StatusTooManyRequests, time.Second),
		metrics:  m.endpoint(c.Source),
	}
	if c.MaxRate > 0 {
		e.genuine, e.others = rate.NewLimiter(rate.Limit(c.MaxRate), c.MaxRate), rate.NewLimiter(rate.Limit(c.MaxRate), c.MaxRate)
	}
	for _, method := range w.Methods {
		e.methods[method] = true
	}
	if len(w.Methods) == 0 {
		e.methods[http.MethodPost] = true
	}
	// Credentials are not kept with the request (I14).
	for _, h := range append(v.SecretHeaders(), "Authorization", "Proxy-Authorization", "Cookie") {
		e.secret[h] = true
	}
	for i, h := range w.Handshakes {
		hs, err := newHandshake(h)
		if err != nil {
			return nil, fmt.Errorf("receiver: source %s: handshake %d: %w", c.Source, i, err)
		}
		e.handshakes = append(e.handshakes, hs)
	}
	return e, nil
}

// Why a request is refused before, or beside, its authentication. The words label
// metrics and rows of the ledger.
const (
	addressNotAllowed = "address_not_allowed"
	addressUnknown    = "address_unknown"
	noCertificate     = "no_client_certificate"
	badHandshake      = "bad_handshake"
)

// admit says why a request is refused whatever it contains; empty means that it
// is not.
func (e *endpoint) admit(from *origin, req *http.Request) string {
	switch {
	case len(e.Allow) > 0 && !from.addr.IsValid():
		return addressUnknown
	case len(e.Allow) > 0 && !among(e.Allow, from.addr):
		return addressNotAllowed
	case e.ClientCertificate && (req.TLS == nil || len(req.TLS.VerifiedChains) == 0):
		return noCertificate
	}
	return ""
}

// limit reports whether a request may be stored now.
func (e *endpoint) limit(genuine bool, now time.Time) bool {
	l := e.genuine
	if !genuine {
		l = e.others
	}
	return l == nil || l.AllowN(now, 1)
}

func newAnswer(w *wire.Answer, status int, retry time.Duration) answer {
	a := answer{status: status}
	if w != nil {
		if w.Status != 0 {
			a.status = int(w.Status)
		}
		a.contentType, a.body = w.ContentType, []byte(w.Body)
		if w.RetryAfterMs > 0 {
			retry = time.Duration(w.RetryAfterMs) * time.Millisecond
		}
	}
	if retry > 0 {
		a.retryAfter = strconv.FormatInt(int64((retry+time.Second-1)/time.Second), 10)
	}
	return a
}

func newHandshake(w *wire.Handshake) (handshake, error) {
	h := handshake{
		method: w.Method, authenticated: w.Authenticated, secretValues: w.SecretValues,
		answer: newAnswer(w.Answer, http.StatusOK, 0),
	}
	names := make([]string, 0, len(w.When))
	for name := range w.When {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		t, err := auth.CompileTemplate(name)
		if err != nil {
			return h, err
		}
		h.when = append(h.when, condition{t, w.When[name]})
	}
	var err error
	if w.Secret != "" {
		if h.secret, err = auth.CompileTemplate(w.Secret); err != nil {
			return h, err
		}
		if len(w.SecretValues) == 0 {
			return h, fmt.Errorf("a secret without values")
		}
	}
	if strings.Contains(string(h.answer.body), "{") {
		h.body, err = auth.CompileTemplate(string(h.answer.body))
	}
	return h, err
}

// matches reports whether the request is this handshake.
func (h *handshake) matches(r *auth.Request) bool {
	if h.method != "" && h.method != r.Method {
		return false
	}
	for _, c := range h.when {
		got, ok := c.text.Text(r)
		if !ok || (c.want == "*" && got == "") || (c.want != "*" && got != c.want) {
			return false
		}
	}
	return true
}

// reply makes the answer; false means that the secret is wrong or the answer
// cannot be made.
func (h *handshake) reply(r *auth.Request) (answer, bool) {
	if h.secret != nil {
		got, ok := h.secret.Text(r)
		if !ok || !auth.EqualAny(got, h.secretValues) {
			return answer{}, false
		}
	}
	a := h.answer
	if h.body != nil {
		text, ok := h.body.Text(r)
		if !ok {
			return answer{}, false
		}
		a.body = []byte(text)
	}
	if a.contentType == "" {
		a.contentType = "text/plain; charset=utf-8" // never let a browser guess what was reflected
	}
	return a, true
}
