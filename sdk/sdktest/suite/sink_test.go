package suite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

type memoryConfig struct {
	Token string `pb:"token,required,sensitive" doc:"A secret."`
	Up    bool   `pb:"up" default:"true" doc:"Whether the destination is there."`
}

// store is a destination that holds rows in the order of their arrival.
type store struct {
	mu      sync.Mutex
	ids     []sdk.ID
	rows    []row
	batches map[string]bool
	now     Disturbance
}

// row is what the store knows of an event.
type row struct {
	id     sdk.ID
	source string
	at     time.Time
	typ    sdk.EventType
}

func (s *store) disturb(_ context.Context, d Disturbance) (func(), error) {
	set := func(d Disturbance) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.now = d
	}
	set(d)
	return func() { set("") }, nil
}

func (s *store) read(context.Context) ([]sdk.ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ids), nil
}

func (s *store) reset(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids, s.rows = nil, nil
	return nil
}

func (s *store) harness() Harness {
	return Harness{
		Config: []byte(`{"token":"a-very-secret-value"}`), Unreachable: []byte(`{"token":"a-very-secret-value","up":false}`),
		Reset: s.reset, Read: s.read, Disturb: s.disturb,
	}
}

// memory is a sink into a store. Its fields break the contract, one way each.
type memory struct {
	store *store
	class sdk.Idempotency
	token string
	up    bool

	lossy, doubles, trusts, reversed, mute, leaks, logs, failsOnNUL, lies, closesOnce, closed bool

	buffers   bool // says done, and stores when it is closed
	forgets   bool // knows its batches until it ends
	newest    bool // takes nothing older than what it has
	strict    bool // takes no attribute that it did not have from the first
	impatient bool // does not pass on how long to wait
	harsh     bool // rejects what it cannot deliver
	certain   bool // says that nothing happened when nobody knows

	buffer  []sdk.ID
	batches map[string]bool
	last    time.Time
}

func (m *memory) Info() sdk.Info {
	return sdk.Info{Name: "memory", Version: "0.1.0", Summary: "Holds ids.", Sink: sdk.SinkTraits{Idempotency: m.class}}
}

func (m *memory) Open(_ context.Context, c *memoryConfig) error {
	m.token, m.up, m.closed = c.Token, c.Up, false
	if !c.Up {
		if m.leaks {
			return errors.New("refused: " + c.Token)
		}
		return &sdk.Failure{Class: sdk.Transient, Err: errors.New("nobody there")}
	}
	return nil
}

func (m *memory) Write(ctx context.Context, in []sdk.Event, out *sdk.Results) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	if err := m.meet(in, out); err != nil {
		return err
	}
	if m.class == sdk.Atomic && m.repeated(out.BatchID()) {
		for i := range in {
			out.Duplicate(i)
		}
		return nil
	}
	if m.logs {
		sdk.Log(ctx).Info().Msg(m.token)
	}
	if m.reversed {
		in = slices.Clone(in)
		slices.Reverse(in)
	}
	for i := range in {
		m.writeOne(&in[i], i, out)
	}
	if m.lies {
		out.Duplicate(len(in))
	}
	return nil
}

// meet is how the sink finds its destination.
func (m *memory) meet(in []sdk.Event, out *sdk.Results) error {
	switch m.store.now {
	case Down:
		if m.harsh {
			out.Reject(0, "nobody", errors.New("nobody there"))
			return nil
		}
		return &sdk.Failure{Class: sdk.Transient, Err: errors.New("nobody there")}
	case Throttled:
		if m.impatient {
			return &sdk.Failure{Class: sdk.Throttled, Err: errors.New("too much")}
		}
		return &sdk.Failure{Class: sdk.Throttled, Err: errors.New("too much"), Wait: time.Millisecond}
	case Severed:
		m.repeated(out.BatchID())
		for i := range in {
			m.writeOne(&in[i], i, &sdk.Results{})
			out.Unknown(i, errors.New("cut"))
		}
		if m.certain {
			return &sdk.Failure{Class: sdk.Transient, Err: errors.New("cut")}
		}
		return errors.New("cut")
	}
	return nil
}

// repeated remembers a batch and reports whether it was there.
func (m *memory) repeated(batch string) bool {
	known := &m.store.batches
	if m.forgets {
		known = &m.batches
	}
	if *known == nil {
		*known = map[string]bool{}
	}
	was := (*known)[batch]
	(*known)[batch] = true
	return was
}

func (m *memory) writeOne(e *sdk.Event, i int, out *sdk.Results) {
	switch {
	case m.lossy && e.Type == sdk.Unmapped:
		return
	case m.failsOnNUL && bytes.ContainsRune([]byte(e.ErrorReason), 0):
		out.Retry(i, errors.New("broken"), 0)
		return
	case m.mute && len(e.Attributes) > 200:
		out.Reject(i, "", nil)
		return
	case m.trusts && e.MaybeWritten:
		out.Duplicate(i)
		return
	case m.class == sdk.Keyed && !m.doubles && slices.Contains(m.store.ids, e.ID):
		out.Duplicate(i)
		return
	}
	if m.newest && e.Time.Before(m.last) || m.strict && len(e.Attributes) > 1 {
		return
	}
	m.last = e.Time
	if m.buffers {
		m.buffer = append(m.buffer, e.ID)
		return
	}
	m.store.ids = append(m.store.ids, e.ID)
	m.store.rows = append(m.store.rows, row{e.ID, e.Source, e.Time, e.Type})
}

func (m *memory) Close(context.Context) error {
	if m.closesOnce && m.closed {
		return errors.New("closed already")
	}
	m.closed = true
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	m.store.ids, m.buffer = append(m.store.ids, m.buffer...), nil
	return nil
}

// counting is a memory sink that counts. Its fields break Count, one way each.
type counting struct {
	memory
	rows, inclusive, remembers, blind, local bool

	written int64
}

func (m *counting) Write(ctx context.Context, in []sdk.Event, out *sdk.Results) error {
	m.written += int64(len(in))
	return m.memory.Write(ctx, in, out)
}

func (m *counting) Count(_ context.Context, w sdk.Window) ([]sdk.Count, error) {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	if !m.up && !m.blind {
		return nil, &sdk.Failure{Class: sdk.Transient, Err: errors.New("nobody there")}
	}
	counts, seen := map[sdk.Count]int64{}, map[sdk.ID]bool{}
	for i, r := range m.store.rows {
		if m.remembers && int64(len(m.store.rows)-i) > m.written {
			continue // written before this process began
		}
		if !w.Contains(r.at) && !(m.inclusive && r.at.Equal(w.End)) || seen[r.id] && !m.rows {
			continue
		}
		seen[r.id] = true
		day := sdk.Day(r.at)
		if m.local && sdk.Day(r.at.Add(time.Hour)).Before(w.End) {
			day = sdk.Day(r.at.Add(time.Hour))
		}
		counts[sdk.Count{Source: r.source, Day: day, Type: r.typ}]++
	}
	var out []sdk.Count
	for c, n := range counts {
		c.Events = n
		out = append(out, c)
	}
	return out, nil
}

func TestGoodSinks(t *testing.T) {
	t.Parallel()
	for _, class := range []sdk.Idempotency{sdk.Keyed, sdk.Atomic, sdk.NotIdempotent} {
		t.Run(string(class), func(t *testing.T) {
			t.Parallel()
			s := new(store)
			r := newRecorder()
			suite := &Sink{
				Type: "memory", Harness: s.harness(),
				Start: func(context.Context) (*Plugin, error) {
					conn, err := Connect(sdk.SinkType[memoryConfig](&counting{memory: memory{store: s, class: class}}))
					if err != nil {
						return nil, err
					}
					return conn.Plugin(), nil
				},
			}
			suite.Run(t.Context(), r)
			r.wantNone(t)
		})
	}
}

// Without a way to read the destination the suite makes do, and says so.
func TestSinkWithoutRead(t *testing.T) {
	t.Parallel()
	s := new(store)
	r := newRecorder()
	h := s.harness()
	h.Read, h.Disturb, h.Unreachable = nil, nil, nil
	suite := &Sink{
		Type: "memory", Harness: h,
		Start: func(context.Context) (*Plugin, error) {
			conn, err := Connect(sdk.SinkType[memoryConfig](&memory{store: s, class: sdk.Keyed}))
			if err != nil {
				return nil, err
			}
			return conn.Plugin(), nil
		},
	}
	suite.Run(t.Context(), r)
	for _, e := range *r.errors {
		if !strings.Contains(e, "skipped: ") {
			t.Errorf("got %s", e)
		}
	}
	r.wantError(t, "read_back", "taken on the sink's word")
	r.wantError(t, "disturbance", "nothing is known")
	r.wantError(t, "unreachable", "no configuration is known")
	r.wantError(t, "count", "does not count")
}

func TestSinkFindsWrongCounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		sink       counting
	}{
		{"counts rows", "after events were sent twice", counting{memory: memory{class: sdk.NotIdempotent}, rows: true}},
		{"counts the window's end", "after a restart: events of", counting{memory: memory{class: sdk.Keyed}, inclusive: true}},
		{"counts what it remembers", "after a restart: events of", counting{memory: memory{class: sdk.Keyed}, remembers: true}},
		{"counts days of another place", "after batch 0: events of", counting{memory: memory{class: sdk.Keyed}, local: true}},
		{"counts what it did not write", "after batch 0: events of", counting{memory: memory{class: sdk.Keyed, lossy: true}}},
		{"counts nobody as none", "none is not unknown", counting{memory: memory{class: sdk.Keyed}, blind: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := new(store)
			r := newRecorder()
			suite := &Sink{
				Type: "memory", Harness: s.harness(), only: "count",
				Start: func(context.Context) (*Plugin, error) {
					m := c.sink
					m.store = s
					conn, err := Connect(sdk.SinkType[memoryConfig](&m))
					if err != nil {
						return nil, err
					}
					return conn.Plugin(), nil
				},
			}
			suite.Run(t.Context(), r)
			r.wantError(t, "count", c.text)
		})
	}
}

func TestSinkFindsFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, path, text string
		sink             memory
	}{
		{"loses events", "shapes", "is held 0 times, want 1", memory{class: sdk.Keyed, lossy: true}},
		{"is not as idempotent as it says", "repeat", "is held 2 times, want 1", memory{class: sdk.Keyed, doubles: true}},
		{"nor within overlaps", "overlap", "is held 2 times, want 1", memory{class: sdk.Keyed, doubles: true}},
		{"believes MaybeWritten", "maybe_written", "is held 0 times", memory{class: sdk.Keyed, trusts: true}},
		{"loses the order", "order", "stands after event", memory{class: sdk.Keyed, reversed: true}},
		{"rejects without a reason", "shapes", "both must say why", memory{class: sdk.Keyed, mute: true}},
		{"leaks when it fails", "unreachable", "contains a secret", memory{class: sdk.Keyed, leaks: true}},
		{"leaks to its log", "log", "contains a secret", memory{class: sdk.Keyed, logs: true}},
		{"retries for ever", "shapes/NUL in text", "the destination is up", memory{class: sdk.Keyed, failsOnNUL: true}},
		{"answers what was not asked", "sizes", "broke the protocol", memory{class: sdk.Keyed, lies: true}},
		{"closes once", "close", "closed already", memory{class: sdk.Keyed, closesOnce: true}},
		{"stores when it is closed", "fault/answer_lost", "is held 0 times", memory{class: sdk.NotIdempotent, buffers: true}},
		{"forgets its batches", "fault/answer_lost", "is held 2 times, want 1", memory{class: sdk.Atomic, forgets: true}},
		{"wants the newest", "fault/late", "is held 0 times", memory{class: sdk.Keyed, newest: true}},
		{"cannot grow", "growth", "is held 0 times", memory{class: sdk.Keyed, strict: true}},
		{"does not wait", "disturbance/throttled", "does not pass it on", memory{class: sdk.Keyed, impatient: true}},
		{"rejects in an outage", "disturbance/down", "is rejected (nobody)", memory{class: sdk.Keyed, harsh: true}},
		{"is too sure", "disturbance/severed", "which nobody knows", memory{class: sdk.NotIdempotent, certain: true}},
		{"has no such class", "describe", `class "eventually" does not exist`, memory{class: "eventually"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := new(store)
			r := newRecorder()
			var logs []*Connection
			only, _, _ := strings.Cut(c.path, "/")
			if only == "log" {
				only = "sizes"
			}
			suite := &Sink{
				Type: "memory", Harness: s.harness(), only: only,
				Start: func(context.Context) (*Plugin, error) {
					m := c.sink
					m.store = s
					conn, err := Connect(sdk.SinkType[memoryConfig](&m))
					if err != nil {
						return nil, err
					}
					logs = append(logs, conn)
					// Nothing is closed for a killed sink of this test: it holds memory alone.
					return &Plugin{Client: conn.Client, Close: conn.Close, Kill: conn.Close}, nil
				},
				Log: func() (all []byte) {
					for _, l := range logs {
						all = append(all, l.Log()...)
					}
					return all
				},
			}
			suite.Run(t.Context(), r)
			r.wantError(t, c.path, c.text)
		})
	}
}

func TestShapesDiffer(t *testing.T) {
	t.Parallel()
	var m eventMaker
	names, events := m.shapes()
	seen := map[sdk.ID]bool{}
	for i := range events {
		if seen[events[i].ID] {
			t.Errorf("%s: the id %s is used twice", names[i], events[i].ID)
		}
		seen[events[i].ID] = true
		var back sdk.Event
		if err := back.UnmarshalWire(events[i].AppendWire(nil)); err != nil || back.ID != events[i].ID || !back.Time.Equal(events[i].Time) {
			t.Errorf("%s: after the wire got %+v, %v", names[i], back, err)
		}
		if line := events[i].AppendJSON(nil); !json.Valid(line) {
			t.Errorf("%s: not JSON: %s", names[i], line)
		}
	}
}
