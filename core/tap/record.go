package tap

import (
	"slices"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/sdk"
)

// Recorder gathers what happens in one step. It belongs to one goroutine. A nil
// Recorder records nothing.
type Recorder struct {
	at    time.Time
	taps  []*Tap
	spots map[spotKey]*Spot
	env   expr.Env
	found []found
}

type spotKey struct {
	place string
	in    bool
}

type found struct {
	tap    *Tap
	sample Sample
}

// Begin starts to record a step. It returns nil if nobody listens, which costs
// one atomic load.
func (h *Hub) Begin() *Recorder {
	if h == nil || h.open.Load() == 0 {
		return nil
	}
	h.mu.Lock()
	taps := h.taps
	h.mu.Unlock()
	if len(taps) == 0 {
		return nil
	}
	r := &Recorder{at: h.clock(), taps: taps, spots: map[spotKey]*Spot{}}
	r.env.Now = r.at
	return r
}

// Spot is a place that somebody watches. A nil Spot is one that nobody does.
type Spot struct {
	r     *Recorder
	key   spotKey
	wants []*Tap
}

// At returns the spot of a place; nil if nobody watches it.
func (r *Recorder) At(place string, in bool) *Spot {
	if r == nil {
		return nil
	}
	key := spotKey{place, in}
	if s, known := r.spots[key]; known {
		return s
	}
	var s *Spot
	for _, t := range r.taps {
		if t.spec.wants(place, in) {
			if s == nil {
				s = &Spot{r: r, key: key}
			}
			s.wants = append(s.wants, t)
		}
	}
	r.spots[key] = s
	return s
}

// Add records that e passes the spot. e may change afterwards.
func (s *Spot) Add(e *sdk.Event, n Note) {
	if s == nil {
		return
	}
	var c *sdk.Event
	reset := false
	for _, t := range s.wants {
		if !t.look(s.r.at) {
			continue
		}
		if t.spec.Where != nil {
			if !reset {
				s.r.env.Reset(e)
				reset = true
			}
			if !t.spec.Where.Eval(&s.r.env) {
				continue
			}
		}
		if !t.take() {
			continue
		}
		if c == nil {
			c = clone(e)
			n.Detail, n.Sinks = strings.Clone(n.Detail), slices.Clone(n.Sinks)
		}
		s.r.found = append(s.r.found, found{t, Sample{At: s.r.at, Place: s.key.place, In: s.key.in, Event: c, Note: n}})
	}
}

// Publish shows what was recorded, once the step is committed.
func (r *Recorder) Publish() {
	if r == nil {
		return
	}
	for _, f := range r.found {
		f.tap.offer(f.sample)
	}
	r.found = nil
}

// clone copies what people look at. Strings are copied too: they may be parts of
// a large message, which a sample that waits would keep alive.
func clone(e *sdk.Event) *sdk.Event {
	c := *e
	c.SourcePayload, c.Identities = nil, nil
	for _, s := range [...]*string{
		&c.ProviderID, &c.MessageID, &c.ConversationID, &c.CustomerID, &c.CampaignID, &c.Account, &c.ProviderStatus,
		&c.StatusCode, &c.ErrorReason, &c.Recipient, &c.Sender, &c.Provider, &c.Source,
	} {
		*s = strings.Clone(*s)
	}
	c.Attributes = slices.Clone(e.Attributes)
	for i := range c.Attributes {
		a := &c.Attributes[i]
		a.Name, a.Value = strings.Clone(a.Name), strings.Clone(a.Value)
	}
	return &c
}
