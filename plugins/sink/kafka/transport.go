package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/protocol/saslauthenticate"
	"github.com/segmentio/kafka-go/protocol/saslhandshake"
	"github.com/segmentio/kafka-go/sasl"
)

// transport carries the requests of a kafka.Client, one at a time on each
// connection. It starts no goroutine that outlives a call, and when RoundTrip
// returns nothing of the request is written any more: see doc.go for why the
// library's own transport is not used. It is safe for concurrent use.
type transport struct {
	clientID string
	tls      *tls.Config    // nil: no encryption
	sasl     sasl.Mechanism // nil: no authentication
	dial     func(ctx context.Context, network, address string) (net.Conn, error)

	mu     sync.Mutex
	idle   map[string][]*brokerConn // by address
	closed bool
}

// notSentError says that no byte of the request left this process.
type notSentError struct{ err error }

func (e *notSentError) Error() string { return e.err.Error() }
func (e *notSentError) Unwrap() error { return e.err }

// authError says that the broker refused our credentials.
type authError struct{ err error }

func (e *authError) Error() string { return "authentication: " + e.err.Error() }
func (e *authError) Unwrap() error { return e.err }

var errClosed = errors.New("transport is closed")

// brokerConn is an established connection. It notes whether anything was
// written, which decides between "not sent" and "unknown" after an error.
type brokerConn struct {
	net.Conn // with TLS inside, if any
	raw      net.Conn
	address  string
	proto    *protocol.Conn
	wrote    bool
}

func (c *brokerConn) Write(b []byte) (int, error) {
	c.wrote = true
	return c.Conn.Write(b)
}

// RoundTrip implements kafka.RoundTripper. The address may list several brokers:
// the first that can be reached answers. Cancelling ctx interrupts the exchange
// and closes its connection.
func (t *transport) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	c, err := t.acquire(ctx, strings.Split(addr.String(), ","))
	if err != nil {
		return nil, &notSentError{err}
	}
	c.wrote = false
	var res kafka.Response
	err = c.during(ctx, func() (err error) {
		res, err = c.proto.RoundTrip(req)
		return err
	})
	if err == nil {
		t.release(c)
		return res, nil
	}
	_ = c.Close() // whatever is still to come on it answers another question
	if !c.wrote {
		err = &notSentError{err}
	}
	return nil, err
}

// during runs f, interrupting it when ctx ends.
func (c *brokerConn) during(ctx context.Context, f func() error) error {
	// A request that started after its caller gave up would be delivered
	// although it was reported as failed.
	if err := ctx.Err(); err != nil {
		return err
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = c.SetDeadline(time.Unix(1, 0)) // long past: reads and writes return
		close(interrupted)
	})
	err := f()
	if stop() {
		return err
	}
	<-interrupted
	if err == nil {
		// It came in just before the interruption. The answer counts; the
		// connection gets its deadline back.
		return c.SetDeadline(time.Time{})
	}
	return fmt.Errorf("%w: %w", context.Cause(ctx), err)
}

// acquire returns an idle connection to one of the addresses, or a new one.
func (t *transport) acquire(ctx context.Context, addresses []string) (*brokerConn, error) {
	for _, a := range addresses {
		for c := t.pop(a); c != nil; c = t.pop(a) {
			if alive(c.raw) {
				return c, nil
			}
			_ = c.Close() // the broker closed it: restarted, or it was idle for too long
		}
	}
	var errs []error
	for i, a := range addresses {
		c, err := t.connectWithin(ctx, a, len(addresses)-i)
		if err == nil {
			return c, nil
		}
		errs = append(errs, fmt.Errorf("broker %s: %w", a, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// connectWithin takes a fair share of the time that is left, so that one broker
// that does not answer leaves time for the others.
func (t *transport) connectWithin(ctx context.Context, address string, candidates int) (*brokerConn, error) {
	if deadline, ok := ctx.Deadline(); ok && candidates > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(candidates))
		defer cancel()
	}
	return t.connect(ctx, address)
}

func (t *transport) pop(address string) *brokerConn {
	t.mu.Lock()
	defer t.mu.Unlock()
	conns := t.idle[address]
	if len(conns) == 0 {
		return nil
	}
	c := conns[len(conns)-1]
	t.idle[address] = conns[:len(conns)-1]
	return c
}

func (t *transport) release(c *brokerConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		_ = c.Close()
		return
	}
	if t.idle == nil {
		t.idle = make(map[string][]*brokerConn)
	}
	t.idle[c.address] = append(t.idle[c.address], c)
}

// Close closes the idle connections, now and whenever one would become idle.
func (t *transport) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, conns := range t.idle {
		for _, c := range conns {
			_ = c.Close()
		}
	}
	t.idle = nil
}

// connect dials, encrypts, agrees on versions and authenticates.
func (t *transport) connect(ctx context.Context, address string) (*brokerConn, error) {
	t.mu.Lock()
	closed := t.closed
	t.mu.Unlock()
	if closed {
		return nil, errClosed
	}
	raw, err := t.dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &brokerConn{Conn: raw, raw: raw, address: address}
	if err := c.during(ctx, func() error { return t.handshake(ctx, c) }); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return c, nil
}

func (t *transport) handshake(ctx context.Context, c *brokerConn) error {
	if t.tls != nil {
		cfg := t.tls
		if cfg.ServerName == "" {
			host, _, err := net.SplitHostPort(c.address)
			if err != nil {
				return err
			}
			cfg = cfg.Clone()
			cfg.ServerName = host
		}
		secured := tls.Client(c.raw, cfg)
		if err := secured.HandshakeContext(ctx); err != nil {
			return err
		}
		c.Conn = secured
	}
	c.proto = protocol.NewConn(c, t.clientID)
	res, err := c.proto.RoundTrip(new(apiversions.Request))
	if err != nil {
		return fmt.Errorf("agree on versions: %w", err)
	}
	r := res.(*apiversions.Response) // the library decodes by the request's type
	if r.ErrorCode != 0 {
		return fmt.Errorf("agree on versions: %w", kafka.Error(r.ErrorCode))
	}
	versions := make(map[protocol.ApiKey]int16, len(r.ApiKeys))
	for _, k := range r.ApiKeys {
		key := protocol.ApiKey(k.ApiKey)
		versions[key] = key.SelectVersion(k.MinVersion, k.MaxVersion)
	}
	c.proto.SetVersions(versions)
	if t.sasl == nil {
		return nil
	}
	return t.authenticate(ctx, c)
}

func (t *transport) authenticate(ctx context.Context, c *brokerConn) error {
	res, err := c.proto.RoundTrip(&saslhandshake.Request{Mechanism: t.sasl.Name()})
	if err != nil {
		return fmt.Errorf("authentication: %w", err)
	}
	if r := res.(*saslhandshake.Response); r.ErrorCode != 0 {
		return fmt.Errorf("mechanism %s: %w", t.sasl.Name(), kafka.Error(r.ErrorCode))
	}
	session, state, err := t.sasl.Start(ctx)
	if err != nil {
		return &authError{err}
	}
	for done := false; !done; {
		res, err := c.proto.RoundTrip(&saslauthenticate.Request{AuthBytes: state})
		if err != nil { // the connection broke: that is not a refusal
			return fmt.Errorf("authentication: %w", err)
		}
		r := res.(*saslauthenticate.Response)
		if r.ErrorCode != 0 {
			// The broker's message may name the user; the code says enough.
			return &authError{kafka.Error(r.ErrorCode)}
		}
		if done, state, err = session.Next(ctx, r.AuthBytes); err != nil {
			return &authError{err}
		}
	}
	return nil
}
