package tap

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/sdk"
)

// The bounds of taps.
const (
	MaxTaps = 4
	// maxLooks and maxSamples are how many events a second a tap looks at and
	// copies: its share of the lane's time.
	maxLooks   = 5000
	maxSamples = 1000
	// buffer is how many samples wait for a reader.
	buffer = 1000
)

// ErrTooMany says that there are MaxTaps already.
var ErrTooMany = errors.New("tap: too many are open")

// Spec says what a tap is for. An event passes a place twice: on its way in and
// out. What is no stage has only the way out.
type Spec struct {
	// In and Out are patterns of places, as for Match. Without any, what
	// pipelines end with is meant: staged and ended.
	In, Out []string
	// Where is a condition that the event must meet; nil means any event.
	Where *expr.Bool
}

// Check refuses patterns that cannot be understood.
func (s *Spec) Check() error {
	for _, p := range slices.Concat(s.In, s.Out) {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			return fmt.Errorf("tap: %q is no pattern", p)
		}
	}
	return nil
}

func (s *Spec) wants(place string, in bool) bool {
	patterns := s.Out
	if in {
		patterns = s.In
	}
	if len(s.In)+len(s.Out) == 0 && !in {
		patterns = []string{"staged", "ended"}
	}
	return slices.ContainsFunc(patterns, func(p string) bool { return Match(p, place) })
}

// Match reports whether a pattern names a place such as
// pipeline.messaging:enrich.campaign. A pattern without a colon names one side
// of it: pipeline.messaging, or enrich.*. A * stands for any characters.
func Match(pattern, place string) bool {
	match := func(s string) bool { ok, err := path.Match(pattern, s); return ok && err == nil }
	if strings.Contains(pattern, ":") {
		return match(place)
	}
	before, after, _ := strings.Cut(place, ":")
	return match(before) || match(after)
}

// Note says what became of an event at a place. Its strings are kept.
type Note struct {
	Outcome string   // a word of the ledger; empty while the event is under way
	Detail  string   // more about it
	Sinks   []string // that the event is meant for
}

// Sample is an event at a place.
type Sample struct {
	At    time.Time
	Place string
	In    bool
	Event *sdk.Event // a copy without its payload
	Note
}

// Hub connects those who publish and those who listen. The zero Hub is ready; a
// nil one has no listeners. It is safe for concurrent use.
type Hub struct {
	open atomic.Int32
	mu   sync.Mutex
	taps []*Tap
	// stages are those of each pipeline that was declared.
	stages map[string][]string
	// now tells the time; nil means time.Now.
	now func() time.Time
}

func (h *Hub) clock() time.Time {
	if h.now == nil {
		return time.Now()
	}
	return h.now()
}

// Tap is one listener.
type Tap struct {
	hub     *Hub
	spec    Spec
	samples chan Sample

	mu      sync.Mutex
	second  int64 // of the clock, in which looks and copies were made
	looks   int
	copies  int
	counted Counts
}

// Counts say how much a tap shows.
type Counts struct {
	// Passed is how many events passed the places. NotShown is how many of them
	// were not looked at, or were not kept although they are asked for.
	Passed, NotShown uint64
}

// Open starts to listen. The caller must Close the tap.
func (h *Hub) Open(s Spec) (*Tap, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	t := &Tap{hub: h, spec: s, samples: make(chan Sample, buffer)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.taps) >= MaxTaps {
		return nil, ErrTooMany
	}
	h.taps = append(slices.Clone(h.taps), t) // batches under way keep the old list
	h.open.Store(int32(len(h.taps)))
	return t, nil
}

// Close stops to listen. What waits in Samples may still be read.
func (t *Tap) Close() {
	h := t.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	h.taps = slices.DeleteFunc(slices.Clone(h.taps), func(o *Tap) bool { return o == t })
	h.open.Store(int32(len(h.taps)))
}

// Samples is what the tap shows. It is never closed.
func (t *Tap) Samples() <-chan Sample { return t.samples }

// Counts says how much passed, and how much of it was not shown.
func (t *Tap) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counted
}

// look counts an event and reports whether the tap has time to look at it.
func (t *Tap) look(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := now.Unix(); s != t.second {
		t.second, t.looks, t.copies = s, 0, 0
	}
	t.counted.Passed++
	if t.looks >= maxLooks {
		t.counted.NotShown++
		return false
	}
	t.looks++
	return true
}

// take reports whether another event may be copied.
func (t *Tap) take() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.copies >= maxSamples || len(t.samples) == cap(t.samples) {
		t.counted.NotShown++
		return false
	}
	t.copies++
	return true
}

// offer gives the reader a sample, or counts it if the reader is behind.
func (t *Tap) offer(s Sample) {
	select {
	case t.samples <- s:
	default:
		t.mu.Lock()
		t.counted.NotShown++
		t.mu.Unlock()
	}
}
