package main

import "sync"

// fact is an event as the sender and the sink both name it.
type fact struct{ message, word string }

// request is one request and the events it carries.
type request struct {
	raw   []byte
	facts []fact
	// broken says that it is signed and can't be read: acknowledged, no event,
	// one dead letter each time it is stored.
	broken bool
}

// fate is what the sender knows of an event.
type fate uint8

const (
	maybe fate = iota + 1 // sent, never acknowledged: it may be there or not
	acked                 // acknowledged at least once: it must be there
)

// oracle remembers what was sent. It never asks patchbay. It is safe for
// concurrent use.
type oracle struct {
	mu    sync.Mutex
	facts map[fact]fate
	n     counts
	odd   map[int]int64 // answers that make no sense, by status
	err   error         // why a sender stopped before its time
}

// counts are of attempts: sending a request once.
type counts struct {
	acked, unanswered       int64 // answered with a 2xx; cut off before an answer
	brokenAcked, brokenLost int64 // those of them that cannot be read
	factsAcked, factsLost   int64 // events in them
	pressure                int64 // asked to come again
	abandoned               int64 // cut off and never sent again
}

func newOracle() *oracle { return &oracle{facts: map[fact]fate{}, odd: map[int]int64{}} }

// sending is called before a request leaves, whatever becomes of it.
func (o *oracle) sending(r *request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range r.facts {
		if o.facts[f] == 0 {
			o.facts[f] = maybe
		}
	}
}

// acknowledged is called for a 2xx.
func (o *oracle) acknowledged(r *request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.n.acked++
	o.n.factsAcked += int64(len(r.facts))
	if r.broken {
		o.n.brokenAcked++
	}
	for _, f := range r.facts {
		o.facts[f] = acked
	}
}

// cut is called when the connection broke after the request was sent.
func (o *oracle) cut(r *request, again bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.n.unanswered++
	o.n.factsLost += int64(len(r.facts))
	if r.broken {
		o.n.brokenLost++
	}
	if !again {
		o.n.abandoned++
	}
}

// answered is called for any other answer.
func (o *oracle) answered(status int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if status == 503 {
		o.n.pressure++
		return
	}
	o.odd[status]++
}

// failed is called when a sender cannot go on.
func (o *oracle) failed(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

func (o *oracle) counts() counts {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.n
}
