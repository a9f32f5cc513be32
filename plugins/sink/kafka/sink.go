package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/segmentio/kafka-go"
)

const (
	// writeTimeout is what core allows a Write. We leave answerTime of it, so that
	// a batch in trouble still ends with an outcome for each event.
	writeTimeout = 30 * time.Second
	answerTime   = 3 * time.Second
	writeBudget  = writeTimeout - answerTime

	maxEvents = 2000
)

// sink implements sdk.Sink. Core uses it from one goroutine at a time.
type sink struct {
	now  func() time.Time
	dial func(ctx context.Context, network, address string) (net.Conn, error)

	cfg       *Config
	transport *transport
	client    *kafka.Client
	layout    layout
	stale     bool                 // the layout is known to be wrong
	throttled map[string]time.Time // brokers that asked for a pause, and until when
}

func newSink(now func() time.Time) *sink {
	return &sink{now: now, dial: new(net.Dialer).DialContext}
}

// Info implements sdk.Sink.
func (s *sink) Info() sdk.Info {
	return sdk.Info{
		Name: "kafka", Version: sdk.Version, Summary: "Writes events to a Kafka topic as JSON with CloudEvents headers.",
		Sink: sdk.SinkTraits{Idempotency: sdk.NotIdempotent, MaxEvents: maxEvents, WriteTimeout: writeTimeout},
	}
}

// Check implements sdk.ConfigChecker.
func (s *sink) Check(cfg *Config) error { return cfg.check() }

// Open implements sdk.Sink: it connects and finds the topic, creating it if the
// configuration says so.
func (s *sink) Open(ctx context.Context, cfg *Config) error {
	if err := s.Close(ctx); err != nil {
		return err
	}
	tlsConfig, err := cfg.TLS.config()
	mechanism, saslErr := cfg.SASL.mechanism()
	if err := errors.Join(err, saslErr); err != nil {
		return err
	}
	s.cfg, s.stale, s.layout, s.throttled = cfg, true, layout{}, map[string]time.Time{}
	s.transport = &transport{clientID: cfg.ClientID, tls: tlsConfig, sasl: mechanism, dial: s.dial}
	s.client = &kafka.Client{Timeout: cfg.Timeout, Transport: s.transport}
	ctx, cancel := context.WithTimeout(ctx, writeBudget)
	defer cancel()
	err = s.refresh(ctx)
	if cfg.CreateTopic != nil && errors.Is(err, errNoTopic) {
		err = s.create(ctx)
	}
	if err != nil {
		return failure(err)
	}
	if s.layout.replicas == 1 {
		sdk.Log(ctx).Warn().Str("topic", cfg.Topic).
			Msg("topic has a single replica: losing that broker's disk loses acknowledged events")
	}
	return nil
}

// Write implements sdk.Sink.
func (s *sink) Write(ctx context.Context, in []sdk.Event, out *sdk.Results) error {
	if s.client == nil {
		return failure(errors.New("not open"))
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	if err := s.refresh(ctx); err != nil {
		f := failure(err)
		if f.Class != sdk.Transient {
			return f
		}
		for i := range in {
			out.Retry(i, f.Err, 0)
		}
		return nil
	}
	b := newBatch(s, in)
	b.run(ctx)
	for i := range b.verdicts {
		s.stale = s.stale || b.verdicts[i].stale
	}
	return b.report(out)
}

// bounded leaves a part of the time that core waits for telling it the outcome.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	budget := writeBudget
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		budget = min(budget, left-min(left/4, answerTime))
	}
	return context.WithTimeout(ctx, budget)
}

// Close implements sdk.Sink. Nothing is in flight between two calls, so there is
// nothing to wait for, whatever state the brokers are in.
func (s *sink) Close(context.Context) error {
	if s.transport != nil {
		s.transport.Close()
	}
	s.client, s.transport = nil, nil
	return nil
}

// failure says what err means for the destination as a whole.
func failure(err error) *sdk.Failure {
	v := classify(err)
	f := &sdk.Failure{Class: v.class, Code: v.code, Err: fmt.Errorf("kafka: %w", err), Wait: v.wait}
	if f.Class == "" {
		f.Class = sdk.Transient
	}
	return f
}
