package fold

import "github.com/patchbay-io/patchbay/sdk"

// Moment is a time that may be absent, in microseconds.
type Moment struct {
	At  int64
	Set bool
}

func (s span) moment() Moment { return Moment{s.first, s.set} }

// Count is how often something was done and when first.
type Count struct {
	N     int64
	First Moment
}

func (t *tally) counted() Count { return Count{t.count, t.moment()} }

// Result is what a message's events amount to.
type Result struct {
	Channel   sdk.Channel
	Direction sdk.Direction

	// Status is how far the message got, by the rules of its channel; NoStatus
	// if no event says. StatusAt is when it first got there. StatusEvent is the
	// latest event that says so and holds the reason; it is zero where the status
	// is inferred.
	Status      sdk.DeliveryStatus
	StatusAt    Moment
	StatusEvent sdk.ID

	// WasDelivered: an event proved it, even if a later bounce took it back.
	WasDelivered bool
	// Conflict: a delivery won over a claim that contradicts it.
	Conflict bool
	// Inferred: no event asserts Status; what was done with the message does.
	Inferred bool

	Events, Deferrals             int64
	FirstEvent, LastEvent         Moment
	Queued, Sent, Delivered, Read Moment // first times
	Failed                        Moment // first time of any negative state
	Opened, OpenedMachine         Count
	Clicked, ClickedMachine       Count
	Replied, Converted            Count // by people
	Complained, OptedOut          Moment
}

// Result computes the verdict.
func (s *State) Result() Result {
	r := rulesOf(s.channel)
	out := Result{
		Channel: s.channel, Direction: s.direction, Events: s.events, Deferrals: s.deferrals,
		FirstEvent: s.all.moment(), LastEvent: Moment{s.all.last, s.all.set},
		Queued: s.stages[queued].moment(), Sent: s.stages[sent].moment(),
		Delivered: s.stages[delivered].moment(), Read: s.stages[read].moment(),
		Opened: s.tallies[opened][person].counted(), OpenedMachine: s.tallies[opened][machine].counted(),
		Clicked: s.tallies[clicked][person].counted(), ClickedMachine: s.tallies[clicked][machine].counted(),
		Replied: s.tallies[replied][person].counted(), Converted: s.tallies[converted][person].counted(),
	}
	out.Complained.At, out.Complained.Set = firstOf(s.tallies[complained][person].span, s.tallies[complained][machine].span)
	out.OptedOut.At, out.OptedOut.Set = firstOf(s.tallies[optedOut][person].span, s.tallies[optedOut][machine].span)
	for _, n := range negative {
		if at := s.stages[n]; at.set && (!out.Failed.Set || at.first < out.Failed.At) {
			out.Failed = at.moment()
		}
	}
	out.WasDelivered = s.stages[delivered].set || s.stages[read].set
	s.judge(r, &out)
	return out
}

// judge fills in the status and what depends on it.
func (s *State) judge(r *rules, out *Result) {
	win, found := s.best(r)
	if found {
		out.Status = slotStatus[win]
		out.StatusEvent = s.stages[win].latest
		out.StatusAt = s.statusAt(out.Status)
	}
	if r.infers {
		rank := uint8(0)
		if found {
			rank = r.rank[win]
		}
		s.infer(r, rank, out)
	}
	if out.Status == sdk.StatusDelivered || out.Status == sdk.StatusRead {
		for _, n := range negative {
			out.Conflict = out.Conflict || s.stages[n].set && r.conflicts[n]
		}
	}
}

// statusAt is the first time of a status over its slots.
func (s *State) statusAt(status sdk.DeliveryStatus) Moment {
	var all span
	for i := range s.stages {
		if slotStatus[i] == status && s.stages[i].set {
			all.add(s.stages[i].first)
		}
	}
	return all.moment()
}

// infer raises the status to what the engagement proves.
func (s *State) infer(r *rules, rank uint8, out *Result) {
	for who, status := range [...]struct {
		slot   slot
		status sdk.DeliveryStatus
	}{person: {delivered, sdk.StatusDelivered}, machine: {sent, sdk.StatusSent}} {
		var all span
		for _, kind := range proves {
			if t := &s.tallies[kind][who]; t.set {
				all.add(t.first)
			}
		}
		if all.set && rank < r.rank[status.slot] {
			out.Status, out.StatusAt, out.StatusEvent, out.Inferred = status.status, all.moment(), sdk.ID{}, true
			return
		}
	}
}
