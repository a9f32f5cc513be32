package fold

import (
	"bytes"

	"github.com/patchbay-io/patchbay/sdk"
)

// Event is what the fold needs of an event.
type Event struct {
	ID          sdk.ID
	Time        int64 // microseconds; see Of
	Type        sdk.EventType
	Status      sdk.DeliveryStatus
	Channel     sdk.Channel
	Direction   sdk.Direction
	BounceClass string
	Machine     bool
}

// Of takes from e what the fold needs. timestamp and receivedAt are e's times as
// stored, in microseconds. A time that is known to be wrong orders nothing: the
// time of receipt stands for it.
func Of(e *sdk.Event, timestamp, receivedAt int64) Event {
	out := Event{
		ID: e.ID, Time: timestamp, Type: e.Type, Status: e.DeliveryStatus, Channel: e.Channel, Direction: e.Direction,
	}
	for i := range e.Attributes {
		switch a := &e.Attributes[i]; a.Name {
		case sdk.AttrBounceClass:
			out.BounceClass = a.Value
		case sdk.AttrMachine:
			out.Machine = a.Value == "true"
		case sdk.AttrClockSuspect:
			if a.Value == "true" {
				out.Time = receivedAt
			}
		}
	}
	return out
}

// span is when something happened first and last.
type span struct {
	set         bool
	first, last int64
}

func (s *span) add(t int64) {
	if !s.set {
		*s = span{true, t, t}
		return
	}
	s.first, s.last = min(s.first, t), max(s.last, t)
}

// stage is a delivery status that the message was in. latest is the event of its
// last time, the greatest id if there are several: its reason is the reason.
type stage struct {
	span
	latest sdk.ID
}

func (s *stage) add(t int64, id sdk.ID) {
	if !s.set || t > s.last || t == s.last && bytes.Compare(id[:], s.latest[:]) > 0 {
		s.latest = id
	}
	s.span.add(t)
}

// tally counts a kind of engagement by one kind of actor.
type tally struct {
	span
	count int64
}

// actor says who engaged.
type actor uint8

const (
	person actor = iota
	machine
	actors
)

// State holds the statistics of a message's events. The zero value has none.
type State struct {
	channel   sdk.Channel
	direction sdk.Direction
	events    int64
	deferrals int64
	all       span
	stages    [slots]stage
	tallies   [engagements][actors]tally
}

// Add adds one event. The order of calls does not matter.
func (s *State) Add(e Event) {
	// All events of a message have the same channel. If a provider contradicts
	// itself, any choice will do that does not depend on the order.
	s.channel = max(s.channel, e.Channel)
	s.direction = max(s.direction, e.Direction)
	s.events++
	s.all.add(e.Time)
	if slot, ok := slotOf(e.Status, e.BounceClass); ok {
		s.stages[slot].add(e.Time, e.ID)
		if slot == deferred {
			s.deferrals++
		}
	}
	if kind, ok := engagementOf(e.Type); ok {
		who := person
		if e.Machine {
			who = machine
		}
		t := &s.tallies[kind][who]
		t.count++
		t.add(e.Time)
	}
}

// Events is how many events were added.
func (s *State) Events() int64 { return s.events }

// best is the state that wins by rank, and whether there is any.
func (s *State) best(r *rules) (slot, bool) {
	win, found := slot(0), false
	for i := range s.stages {
		c := slot(i)
		if !s.stages[c].set || r.yields[c] && s.overtaken(c) {
			continue
		}
		if !found || r.rank[c] > r.rank[win] || r.rank[c] == r.rank[win] && s.later(c, win) {
			win, found = c, true
		}
	}
	return win, found
}

// overtaken reports whether a proof of delivery is later than the last c.
func (s *State) overtaken(c slot) bool {
	last := s.stages[c].last
	return s.stages[delivered].set && s.stages[delivered].last-last > same ||
		s.stages[read].set && s.stages[read].last-last > same
}

// later reports whether the latest event of a came after the latest of b.
func (s *State) later(a, b slot) bool {
	x, y := &s.stages[a], &s.stages[b]
	return x.last > y.last || x.last == y.last && bytes.Compare(x.latest[:], y.latest[:]) > 0
}

// firstOf is the earliest time of the set spans, false if none is set.
func firstOf(spans ...span) (int64, bool) {
	var all span
	for _, s := range spans {
		if s.set {
			all.add(s.first)
		}
	}
	return all.first, all.set
}
