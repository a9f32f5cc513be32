package receiver

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the receiver's figures. Labels come from the configuration and
// from fixed words, never from a request.
type metrics struct {
	requests *prometheus.CounterVec
	refusals *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	unknown  prometheus.Counter
	// unclear counts what trusted proxies wrote and nobody understands.
	unclear    prometheus.Counter
	handshakes prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "patchbay_requests_total", Help: "Requests by source and outcome.",
		}, []string{"source", "outcome"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "patchbay_refusals_total", Help: "Requests that were refused, by reason.",
		}, []string{"source", "reason"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "patchbay_acknowledge_seconds", Help: "From the request's headers to its answer, sync included.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 15),
		}, []string{"source"}),
		unknown: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "patchbay_unknown_path_total", Help: "Requests to a path that no source has.",
		}),
		unclear: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "patchbay_forwarded_unclear_total", Help: "Requests whose trusted proxy did not say for whom it speaks in a way that can be understood.",
		}),
		handshakes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "patchbay_tls_handshake_failures_total", Help: "Connections that ended before TLS was agreed on.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.refusals, m.latency, m.unknown, m.unclear, m.handshakes)
	}
	return m
}

// endpointMetrics are resolved once, so that a request costs no label lookup.
type endpointMetrics struct {
	m        *metrics
	source   string
	outcomes map[string]prometheus.Counter
	latency  prometheus.Observer
	mu       *sync.Mutex
	reasons  map[string]prometheus.Counter
}

func (m *metrics) endpoint(source string) endpointMetrics {
	e := endpointMetrics{
		m: m, source: source, outcomes: map[string]prometheus.Counter{}, latency: m.latency.WithLabelValues(source),
		mu: new(sync.Mutex), reasons: map[string]prometheus.Counter{},
	}
	for _, o := range []string{"stored", "quarantined", "refused", "invalid", "pressure", "limited", "handshake"} {
		e.outcomes[o] = m.requests.WithLabelValues(source, o)
	}
	return e
}

func (e *endpointMetrics) count(outcome string) { e.outcomes[outcome].Inc() }

func (e *endpointMetrics) refusal(reason string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, ok := e.reasons[reason]
	if !ok {
		c = e.m.refusals.WithLabelValues(e.source, reason)
		e.reasons[reason] = c
	}
	c.Inc()
}
