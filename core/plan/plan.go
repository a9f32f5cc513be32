package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Action says what happens to a unit or an argument.
type Action string

// The actions.
const (
	Add    Action = "add"
	Modify Action = "change"
	Remove Action = "remove"
)

// Plan is what changing from one configuration to another means.
type Plan struct {
	// ID names this very change: another plan has another ID.
	ID      string   `json:"id"`
	Changes []Change `json:"changes"`
	// Queues wait for readers that the new configuration does not have.
	Queues  []Queue `json:"queues,omitempty"`
	Summary Summary `json:"summary"`

	touched map[string]Touch
}

// Change is what happens to one unit.
type Change struct {
	Address    string      `json:"address"` // e.g. "source.twilio.support"
	Action     Action      `json:"action"`
	Effect     Effect      `json:"effect"`
	Note       string      `json:"note,omitempty"`
	Attributes []Attribute `json:"attributes,omitempty"` // of a changed unit
}

// Attribute is one argument that differs, or a stage that comes or goes.
type Attribute struct {
	Path   string `json:"path"`
	Action Action `json:"action"`
	Old    string `json:"old,omitempty"`
	New    string `json:"new,omitempty"`
	// Sensitive arguments are not shown.
	Sensitive bool   `json:"sensitive,omitempty"`
	Effect    Effect `json:"effect"`
	Note      string `json:"note,omitempty"`
}

// Queue is what waits between two units.
type Queue struct {
	// Reader is who has to take it: a sink ("sink.kafka.stream") or a pipeline
	// ("pipeline.messaging").
	Reader string `json:"reader"`
	// From is where it comes from: a pipeline for a sink, a source for a pipeline.
	From    string `json:"from"`
	Waiting int64  `json:"waiting"`
}

// Summary counts the lines of a plan.
type Summary struct {
	Added          int `json:"added"`
	InPlace        int `json:"in_place"`
	Restarts       int `json:"restarts"`
	Removed        int `json:"removed"`
	NeedsRestart   int `json:"needs_restart"` // of patchbay itself
	QueuesLeftOver int `json:"queues_left_over"`
}

// Empty reports whether nothing would change.
func (p *Plan) Empty() bool { return len(p.Changes) == 0 }

// Touched says what a plan reaches of a unit that both configurations have.
func (p *Plan) Touched(address string) Touch { return p.touched[address] }

// Compare makes the plan that leads from old to new. queues are all that wait at
// the moment, those of units that neither configuration has included.
func Compare(old, next *Snapshot, queues []Queue) *Plan {
	p := &Plan{Changes: []Change{}, touched: map[string]Touch{}}
	sum := sha256.Sum256(append(slices.Clone(old.digest[:]), next.digest[:]...))
	p.ID = hex.EncodeToString(sum[:5])
	c := comparison{Plan: p, old: old, next: next, queues: queues}
	for _, u := range next.units {
		if before := old.find(u.address); before == nil {
			c.added(u)
		} else {
			c.changed(before, u)
		}
	}
	for _, u := range old.units {
		if next.find(u.address) == nil {
			c.removed(u)
		}
	}
	c.spread()
	for _, q := range queues {
		if q.Waiting > 0 && !next.reads(q.Reader, q.From) {
			p.Queues = append(p.Queues, q)
		}
	}
	p.Summary.QueuesLeftOver = len(p.Queues)
	return p
}

// reads reports whether there is a reader for a queue.
func (s *Snapshot) reads(reader, from string) bool {
	r, f := s.find(reader), s.find(from)
	if r == nil || f == nil {
		return false
	}
	return slices.Contains(r.refs, from) || slices.Contains(f.refs, reader)
}

type comparison struct {
	*Plan
	old, next *Snapshot
	queues    []Queue
}

// waiting sums up what waits for a reader.
func (c *comparison) waiting(reader string) (n int64) {
	for _, q := range c.queues {
		if q.Reader == reader {
			n += q.Waiting
		}
	}
	return n
}

func (c *comparison) added(u *unit) {
	ch := Change{Address: u.address, Action: Add, Effect: Start}
	switch u.kind {
	case "source":
		ch.Note = "receives at " + u.path
	case "sink":
		ch.Note = "gets the events from now on"
		if n := c.waiting(u.address); n > 0 {
			ch.Note = fmt.Sprintf("is back: gets the %s that waited, and the events from now on", events(n))
		}
	case "lookup":
		ch.Note = "is read"
	case "pipeline":
		ch.Note = "begins with what its sources still keep"
	}
	c.Changes = append(c.Changes, ch)
	c.Summary.Added++
}

func (c *comparison) removed(u *unit) {
	ch := Change{Address: u.address, Action: Remove, Effect: Stop}
	switch u.kind {
	case "source":
		ch.Note = u.path + " answers 404; what is stored is processed first"
	case "sink":
		ch.Note = "nothing waits for it"
		if n := c.waiting(u.address); n > 0 {
			ch.Note = fmt.Sprintf("%s waiting: delivered first if it takes them, kept if not", events(n))
		}
	case "pipeline":
		ch.Note = "what is stored and staged goes first"
	}
	c.Changes = append(c.Changes, ch)
	c.Summary.Removed++
}

// changed compares the arguments of a unit.
func (c *comparison) changed(old, next *unit) {
	ch := Change{Address: next.address, Action: Modify, Effect: None}
	var touch Touch
	add := func(a Attribute, t Touch) {
		a.Effect = t.effect()
		if a.Note == "" {
			a.Note = c.note(next, t)
		}
		ch.Attributes = append(ch.Attributes, a)
		touch |= t
		c.tally(a.Effect)
	}
	sameNames := next.names() == old.names()
	for _, a := range next.attrs {
		before := old.attr(a.path)
		switch {
		case a.group != "" && !a.mark && old.attr(a.group) == nil:
			// The whole stage is new.
		case before != nil && before.sum == a.sum:
		case a.order && !sameNames:
		case before == nil && a.text == unset && !a.mute:
			// A block that came, with an argument that takes its default.
		case before == nil:
			add(Attribute{Path: a.path, Action: Add, New: a.text, Sensitive: a.mute}, a.touch)
		default:
			add(difference(before, &a), a.touch)
		}
	}
	for _, a := range old.attrs {
		if next.attr(a.path) == nil && (a.text != unset || a.mute) && (a.group == "" || a.mark || next.attr(a.group) != nil) && !a.order {
			add(Attribute{Path: a.path, Action: Remove, Old: a.text, Sensitive: a.mute}, a.touch)
		}
	}
	if len(ch.Attributes) > 0 {
		ch.Effect = touch.effect()
		c.Changes = append(c.Changes, ch)
		c.touched[next.address] = touch
	}
}

func difference(old, next *attr) Attribute {
	a := Attribute{Path: next.path, Action: Modify, Old: old.text, New: next.text}
	if old.mute || next.mute {
		a.Old, a.New, a.Sensitive = "", "", true
		return a
	}
	if next.path == "dedup.window" {
		before, err1 := time.ParseDuration(old.text)
		after, err2 := time.ParseDuration(next.text)
		switch {
		case err1 != nil || err2 != nil:
		case after > before:
			a.Note = "in place, window grows from now on"
		default:
			a.Note = "in place, what is older is forgotten"
		}
	}
	return a
}

// note says what an effect means for the unit.
func (c *comparison) note(u *unit, t Touch) string {
	switch {
	case t&Process != 0:
		return "needs a restart of patchbay"
	case t&Plugin == 0:
		return "in place"
	case u.kind == "source":
		return "restart: receives as before until the new plugin is ready"
	}
	if n := c.waiting(u.address); n > 0 {
		return fmt.Sprintf("restart: %s delivered with the new configuration", waits(n))
	}
	return "restart"
}

func (c *comparison) tally(e Effect) {
	switch e {
	case InPlace:
		c.Summary.InPlace++
	case RestartPlugin:
		c.Summary.Restarts++
	case RestartProcess:
		c.Summary.NeedsRestart++
	case None, Start, Stop:
	}
}

// spread passes what is touched on to those who depend on it: a lookup that is
// opened anew needs stages that know it.
func (c *comparison) spread() {
	for _, address := range slices.Collect(maps.Keys(c.touched)) {
		if c.touched[address]&Table == 0 {
			continue
		}
		for _, u := range c.next.units {
			if u.kind == "pipeline" && slices.Contains(u.refs, address) && c.old.find(u.address) != nil {
				c.touched[u.address] |= Lanes
			}
		}
	}
}

// names are the paths of all arguments, in no order.
func (u *unit) names() string {
	var out []string
	for _, a := range u.attrs {
		out = append(out, a.path)
	}
	slices.Sort(out)
	return fmt.Sprint(out)
}

func (u *unit) attr(path string) *attr {
	i := slices.IndexFunc(u.attrs, func(a attr) bool { return a.path == path })
	if i < 0 {
		return nil
	}
	return &u.attrs[i]
}
