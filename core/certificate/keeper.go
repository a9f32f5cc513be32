package certificate

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Options configure a Keeper.
type Options struct {
	Files Files
	// MinVersion is the lowest version of TLS; zero means 1.2.
	MinVersion uint16
	// Every is how often the files are looked at; zero means a minute.
	Every time.Duration
	Log   zerolog.Logger
	// Registry gets the metrics; nil means that none are kept.
	Registry prometheus.Registerer
	// Now is the clock that certificates are held against; nil means time.Now.
	Now func() time.Time
}

// Keeper keeps a listener's certificate current. It is safe for concurrent use.
type Keeper struct {
	o        Options
	failures prometheus.Counter

	mu      sync.Mutex
	set     *Set
	config  *tls.Config // made from set
	loaded  time.Time
	problem string    // why the files are not what is in use; empty if they are
	warned  time.Time // when the log was last told that the certificate ends
}

// Status is where a certificate stands.
type Status struct {
	Names    []string  `json:"names"`
	NotAfter time.Time `json:"not_after"`
	Loaded   time.Time `json:"loaded"`
	// Warnings are what a person should look at: the end of the certificate, or
	// files that cannot be used.
	Warnings []string `json:"warnings,omitempty"`
}

// New reads the files; they must be good.
func New(o Options) (*Keeper, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Every == 0 {
		o.Every = time.Minute
	}
	if o.MinVersion == 0 {
		o.MinVersion = tls.VersionTLS12
	}
	k := &Keeper{o: o, failures: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "patchbay_certificate_reload_failures_total", Help: "How often changed certificate files could not be used.",
	})}
	set, err := Read(o.Files)
	if err != nil {
		return nil, fmt.Errorf("certificate: read: %w", err)
	}
	k.use(set)
	if o.Registry != nil {
		o.Registry.MustRegister(k.failures, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "patchbay_certificate_expires_seconds", Help: "When the receiver's certificate ends, in seconds since 1970.",
		}, func() float64 { return float64(k.Status().NotAfter.Unix()) }))
	}
	return k, nil
}

// TLS is what a listener needs. Each handshake takes what is current then.
func (k *Keeper) TLS() *tls.Config {
	return &tls.Config{
		MinVersion: k.o.MinVersion,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			k.mu.Lock()
			defer k.mu.Unlock()
			return k.config, nil
		},
	}
}

// use makes a set current. k.mu is held, or nobody else knows k.
//
// HTTP/2 is not offered. The receiver's limits count connections, and one
// connection of HTTP/2 is hundreds of requests; providers send few requests at a
// time, and all of them speak HTTP/1.1.
func (k *Keeper) use(s *Set) {
	k.set, k.loaded, k.problem = s, k.o.Now(), ""
	c := &tls.Config{MinVersion: k.o.MinVersion, Certificates: []tls.Certificate{s.Pair}, NextProtos: []string{"http/1.1"}}
	if s.Clients != nil {
		// Whether a source needs a certificate is decided once its path is known;
		// one that is shown must be good in any case. Without tickets every client
		// is held against the authorities of today.
		c.ClientCAs, c.ClientAuth, c.SessionTicketsDisabled = s.Clients, tls.VerifyClientCertIfGiven, true
	}
	k.config = c
	k.warn()
}

// warnEvery is how often the log is told that the certificate ends.
const warnEvery = 24 * time.Hour

func (k *Keeper) warn() {
	text, now := k.set.Warning(k.o.Now()), k.o.Now()
	if text == "" || (!k.warned.IsZero() && now.Sub(k.warned) < warnEvery) {
		return
	}
	k.warned = now
	k.o.Log.Error().Time("not_after", k.set.NotAfter).Strs("names", k.set.Names).Msg(text)
}

// Run looks at the files now and then until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	t := time.NewTicker(k.o.Every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			k.Reload()
		}
	}
}

// Reload looks at the files. Their contents are compared, not their times: links
// are swapped, and clocks are coarse.
func (k *Keeper) Reload() {
	next, err := Read(k.o.Files)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err != nil:
		if text := err.Error(); k.problem != text {
			k.problem = text
			k.failures.Inc()
			k.o.Log.Error().Err(err).Time("not_after", k.set.NotAfter).Msg("changed certificate files cannot be used, the last good ones stay")
		}
	case next.digest == k.set.digest:
		k.problem = ""
	default:
		k.warned = time.Time{}
		k.use(next)
		k.o.Log.Info().Time("not_after", next.NotAfter).Strs("names", next.Names).Msg("certificate renewed")
		return
	}
	k.warn()
}

// Status says where the certificate stands.
func (k *Keeper) Status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := Status{Names: k.set.Names, NotAfter: k.set.NotAfter.UTC(), Loaded: k.loaded.UTC()}
	if w := k.set.Warning(k.o.Now()); w != "" {
		s.Warnings = append(s.Warnings, w)
	}
	if k.problem != "" {
		s.Warnings = append(s.Warnings, "changed certificate files cannot be used, the last good ones stay: "+k.problem)
	}
	return s
}
