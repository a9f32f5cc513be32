package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patchbay-io/patchbay/core/lab"
)

// fact is an event as provider and sink both name it.
type fact struct{ message, word string }

// call is one request of a provider.
type call struct {
	raw    []byte
	facts  []fact // the events in it
	broken int64  // parts of it, or all of it, that cannot be read
	forged bool   // not signed by the provider
}

// tally is what the provider counts of its own.
type tally struct {
	acknowledged int64 // requests
	facts        int64 // events in them
	broken       int64 // parts of them that cannot be read
	refused      int64 // requests
	unanswered   int64 // attempts that the crash cut off
	busy         int64 // answers that said: later
}

// provider plays Twilio and SendGrid. It believes nothing but its own counts.
type provider struct {
	addr     string
	twilio   *lab.Twilio
	sendgrid *lab.SendGrid
	story    string // a message that is worth explaining

	wg     sync.WaitGroup
	queue  chan *call
	half   chan struct{}
	halfAt int64
	acks   atomic.Int64

	mu    sync.Mutex
	n     tally
	known map[fact]bool // every event that was acknowledged
	err   error
}

func newProvider(addr string) (*provider, error) {
	s, err := lab.NewSendGrid()
	if err != nil {
		return nil, err
	}
	return &provider{
		addr: addr, sendgrid: s, twilio: lab.NewTwilio(secret, publicURL+twilioPath),
		known: map[fact]bool{}, half: make(chan struct{}),
	}, nil
}

// connections is how many requests are under way at a time.
const connections = 8

// begin sends calls, in order but side by side. The channel is closed when half
// of them are acknowledged.
func (p *provider) begin(ctx context.Context, calls []*call) <-chan struct{} {
	p.queue = make(chan *call, len(calls))
	p.halfAt = int64(len(calls) / 2)
	for _, c := range calls {
		p.queue <- c
	}
	close(p.queue)
	for range connections {
		p.wg.Add(1)
		go func() {
			defer p.wg.Done()
			if err := p.send(ctx); err != nil {
				p.fail(err)
			}
		}()
	}
	return p.half
}

// wait returns when everything is answered.
func (p *provider) wait() error {
	p.wg.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *provider) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

func (p *provider) count() tally {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

// pause is the wait before a request is sent again.
const pause = 50 * time.Millisecond

// send takes calls until none is left, each until it is answered for good.
func (p *provider) send(ctx context.Context) error {
	var l line
	defer l.hangUp()
	for c := range p.queue {
		for {
			answered, err := p.try(&l, c)
			if err != nil {
				return err
			}
			if answered {
				break
			}
			if rest(ctx, pause); ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return nil
}

// line is a connection that is made when it is needed.
type line struct{ conn *lab.Conn }

func (l *line) hangUp() {
	if l.conn != nil {
		_ = l.conn.Close() // it carried what it could
		l.conn = nil
	}
}

// try sends a call once and reports whether it was answered for good. An error
// is an answer that makes no sense.
func (p *provider) try(l *line, c *call) (bool, error) {
	if l.conn == nil {
		conn, err := lab.Dial(p.addr)
		if err != nil {
			return false, nil // nobody is there, for now
		}
		l.conn = conn
	}
	status, err := l.conn.Do(c.raw)
	if err != nil {
		l.hangUp()
		p.cut(c)
		return false, nil
	}
	return p.answer(c, status)
}

// rest waits, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// cut counts a request whose connection broke before an answer: nobody knows
// whether it was stored.
func (p *provider) cut(c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n.unanswered++
	if len(c.facts) != 1 || c.broken > 0 || c.forged {
		p.err = fmt.Errorf("a request with %d events was cut off; the account expects one", len(c.facts))
	}
}

// answer counts an answer and reports whether the provider is done with the call.
func (p *provider) answer(c *call, status int) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case status == 503:
		p.n.busy++
		return false, nil
	case c.forged && status/100 == 4:
		p.n.refused++
		return true, nil
	case c.forged || status/100 != 2:
		return false, fmt.Errorf("a request (forged: %v) was answered with %d", c.forged, status)
	}
	p.n.acknowledged++
	p.n.facts += int64(len(c.facts))
	p.n.broken += c.broken
	for _, f := range c.facts {
		p.known[f] = true
	}
	if p.acks.Add(1) == p.halfAt {
		close(p.half)
	}
	return true, nil
}
