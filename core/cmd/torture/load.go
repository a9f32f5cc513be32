package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/patchbay-io/patchbay/core/lab"
)

const (
	senders = 6
	// think is how long a sender rests after a request, on average: the load is
	// steady, and leaves the machine time to work it off.
	think = 8 * time.Millisecond
	// redial is the pause before a connection that failed is tried again.
	redial = 20 * time.Millisecond
	// largest is how many events an array has at most.
	largest = 50
	// remembered is how many sent requests can be chosen as repeats.
	remembered = 256
)

// load is the senders. Each keeps one request in hand until it is acknowledged,
// or, rarely, given up after an answer that never came.
type load struct {
	system *system
	oracle *oracle
	seed   uint64
	stop   chan struct{} // closed: take no further request
	wg     sync.WaitGroup
	ctx    context.Context // ends the attempts; set by begin, cancelled by end
	cancel context.CancelFunc
}

func newLoad(s *system, seed uint64) *load {
	return &load{system: s, oracle: newOracle(), seed: seed, stop: make(chan struct{})}
}

func (l *load) begin() {
	l.ctx, l.cancel = context.WithCancel(context.Background())
	for n := range senders {
		l.wg.Add(1)
		go func() {
			defer l.wg.Done()
			s := l.sender(n)
			defer s.hangUp()
			s.run(l.ctx)
		}()
	}
}

// end lets the senders bring what they have in hand to an end, until ctx ends.
func (l *load) end(ctx context.Context) {
	close(l.stop)
	stop := context.AfterFunc(ctx, l.cancel)
	l.wg.Wait()
	stop()
	l.cancel()
}

// sender is one connection with its own stream of events. It is used by one
// goroutine.
type sender struct {
	*load
	rng      *rand.Rand
	run32    uint32 // makes its ids its own
	twilio   *lab.Twilio
	conn     *lab.Conn
	messages int        // Twilio's, so far
	events   int        // SendGrid's, so far
	sent     []*request // the latest, to be sent again
}

func (l *load) sender(n int) *sender {
	return &sender{
		load: l, rng: rand.New(rand.NewPCG(l.seed, uint64(n)+1)), run32: uint32(n + 1),
		twilio: lab.NewTwilio(token, publicURL+twilioPath),
	}
}

func (s *sender) run(ctx context.Context) {
	for {
		select {
		case <-s.stop:
			return
		default:
		}
		r, err := s.next()
		if err != nil {
			s.oracle.failed(err)
			return
		}
		s.deliver(ctx, r)
		rest(ctx, time.Duration(s.rng.Int64N(int64(2*think))))
	}
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

// next makes a request, or takes an earlier one again.
func (s *sender) next() (*request, error) {
	p := s.rng.IntN(100)
	if p < 12 && len(s.sent) > 0 {
		return s.sent[s.rng.IntN(len(s.sent))], nil
	}
	var r *request
	var err error
	switch {
	case p < 14:
		r, err = s.broken()
	case p < 22:
		r, err = s.array()
	default:
		r = s.callback()
	}
	if err != nil {
		return nil, err
	}
	if len(s.sent) < remembered {
		s.sent = append(s.sent, r)
	} else {
		s.sent[s.rng.IntN(remembered)] = r
	}
	return r, nil
}

var words = [...]string{"queued", "sent", "delivered"}

// callback is one status of one message.
func (s *sender) callback() *request {
	sid, word := lab.SID(s.run32, s.messages/len(words)), words[s.messages%len(words)]
	s.messages++
	return &request{
		raw:   s.twilio.AppendStatus(nil, s.system.addr, twilioPath, sid, word),
		facts: []fact{{sid, word}},
	}
}

// array is several events in one request. Now and then it begins with the end of
// the one before.
func (s *sender) array() (*request, error) {
	n := 1 + s.rng.IntN(largest)
	first := s.events
	if s.rng.IntN(10) == 0 {
		first = max(0, first-s.rng.IntN(n))
	}
	s.events = max(s.events, first+n)
	r := &request{}
	for i := first; i < first+n; i++ {
		message, word := lab.SendGridFact(s.run32, i)
		r.facts = append(r.facts, fact{message, word})
	}
	var err error
	r.raw, err = s.system.sendgrid.Request(s.system.addr, sendgridPath, s.system.sendgrid.Array(s.run32, first, n))
	return r, err
}

// broken is a signed request that cannot be read.
func (s *sender) broken() (*request, error) {
	body := fmt.Sprintf(`[{"event":"delivered","sg_event_id":"broken-%d-%d",`, s.run32, s.rng.Uint32())
	raw, err := s.system.sendgrid.Request(s.system.addr, sendgridPath, []byte(body))
	return &request{raw: raw, broken: true}, err
}

// deliver sends r until it is acknowledged. Once in a while it gives up after an
// attempt without an answer: then nobody knows whether it was stored.
func (s *sender) deliver(ctx context.Context, r *request) {
	for ctx.Err() == nil {
		if s.conn == nil {
			c, err := lab.Dial(s.system.addr)
			if err != nil {
				rest(ctx, redial)
				continue
			}
			s.conn = c
		}
		s.oracle.sending(r)
		status, err := s.conn.Do(r.raw)
		if err != nil {
			s.hangUp()
			again := s.rng.IntN(5) > 0
			s.oracle.cut(r, again)
			if !again {
				return
			}
			rest(ctx, redial)
			continue
		}
		if status/100 == 2 {
			s.oracle.acknowledged(r)
			return
		}
		s.oracle.answered(status)
		if status != 503 {
			return
		}
		rest(ctx, redial)
	}
}

func (s *sender) hangUp() {
	if s.conn != nil {
		_ = s.conn.Close() // it carried what it could
		s.conn = nil
	}
}
