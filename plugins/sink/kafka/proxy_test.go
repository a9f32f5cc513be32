package main

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// action is what a proxy does with a request.
type action int

const (
	forward  action = iota
	cutReply        // forward the request, wait for the reply, close without passing it on
	stall           // keep the request until release is called
	swallow         // never pass it on, never answer
	hangUp          // close instead of passing it on
)

const apiProduce = 0

// proxy stands in front of one broker and sees its requests (not under TLS).
type proxy struct {
	t       *testing.T
	backend string
	address string

	mu      sync.Mutex
	ln      net.Listener // nil while down
	conns   map[net.Conn]bool
	decide  func(apiKey int16) action
	release chan struct{}
	wg      sync.WaitGroup
}

// proxiedListener is the broker's own listener; the broker advertises the proxy.
type proxiedListener struct {
	net.Listener
	p *proxy
}

type addr string

func (addr) Network() string  { return "tcp" }
func (a addr) String() string { return string(a) }

func (l *proxiedListener) Addr() net.Addr { return addr(l.p.address) }

// proxies makes a listen function for kfake.ListenFn, and the list of proxies in
// the order of the brokers.
func proxies(t *testing.T) (func(network, address string) (net.Listener, error), *[]*proxy) {
	t.Helper()
	var all []*proxy
	t.Cleanup(func() {
		for _, p := range all {
			p.stop()
			p.wg.Wait()
		}
	})
	return func(network, address string) (net.Listener, error) {
		backend, err := net.Listen(network, address)
		if err != nil {
			return nil, err
		}
		p := &proxy{t: t, backend: backend.Addr().String(), address: "127.0.0.1:0", conns: map[net.Conn]bool{}, release: make(chan struct{})}
		p.start()
		all = append(all, p)
		return &proxiedListener{backend, p}, nil
	}, &all
}

// on sets what happens to the requests from now on.
func (p *proxy) on(decide func(apiKey int16) action) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decide = decide
}

// onProduce decides about produce requests alone.
func (p *proxy) onProduce(a action) {
	p.on(func(apiKey int16) action {
		if apiKey == apiProduce {
			return a
		}
		return forward
	})
}

// start listens, always on the same port.
func (p *proxy) start() {
	ln, err := net.Listen("tcp", p.address)
	if err != nil {
		p.t.Errorf("proxy: %v", err)
		return
	}
	p.mu.Lock()
	p.ln, p.address = ln, ln.Addr().String()
	p.mu.Unlock()
	p.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(c) })
		}
	})
}

// stop refuses new connections and breaks the others.
func (p *proxy) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ln == nil {
		return
	}
	_ = p.ln.Close()
	p.ln = nil
	for c := range p.conns {
		_ = c.Close()
	}
	close(p.release)
	p.release = make(chan struct{})
}

// letGo releases what was stalled.
func (p *proxy) letGo() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decide = nil
	close(p.release)
	p.release = make(chan struct{})
}

// track registers a connection; it is closed at once if the proxy is down.
func (p *proxy) track(c net.Conn) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ln == nil {
		_ = c.Close()
	}
	p.conns[c] = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, c)
		_ = c.Close()
	}
}

func (p *proxy) serve(client net.Conn) {
	defer p.track(client)()
	server, err := net.DialTimeout("tcp", p.backend, deadline)
	if err != nil {
		return
	}
	defer p.track(server)()
	var wg sync.WaitGroup
	defer wg.Wait()
	cut := make(chan struct{}, 1)
	wg.Go(func() { // replies
		defer client.Close()
		for {
			f, err := readFrame(server)
			if err != nil {
				return
			}
			select {
			case <-cut:
				return
			default:
			}
			if _, err := client.Write(f); err != nil {
				return
			}
		}
	})
	defer server.Close()
	for {
		f, err := readFrame(client)
		if err != nil {
			return
		}
		p.mu.Lock()
		a, release := forward, p.release
		if p.decide != nil {
			a = p.decide(int16(binary.BigEndian.Uint16(f[4:])))
		}
		p.mu.Unlock()
		switch a {
		case cutReply:
			cut <- struct{}{}
		case stall:
			<-release
		case swallow:
			continue
		case hangUp:
			return
		}
		if _, err := server.Write(f); err != nil {
			return
		}
	}
}

func readFrame(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	f := make([]byte, 4+binary.BigEndian.Uint32(size[:]))
	copy(f, size[:])
	_, err := io.ReadFull(r, f[4:])
	return f, err
}

// eventually calls f until it returns true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(deadline)
	for !f() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: not within %s", what, deadline)
		}
	}
}
