package sdktest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
)

type memoryConfig struct {
	Token string `pb:"token,required,sensitive" doc:"A secret."`
	Up    bool   `pb:"up" default:"true" doc:"Whether the destination is there."`
}

// store is a destination that holds rows in the order of their arrival.
type store struct {
	mu  sync.Mutex
	ids []sdk.ID
}

func (s *store) read(context.Context) ([]sdk.ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ids), nil
}

func (s *store) reset(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids = nil
	return nil
}

func (s *store) harness() Harness {
	return Harness{
		Config: []byte(`{"token":"a-very-secret-value"}`), Unreachable: []byte(`{"token":"a-very-secret-value","up":false}`),
		Reset: s.reset, Read: s.read,
	}
}

// memory is a sink into a store. Its fields break the contract, one way each.
type memory struct {
	store *store
	class sdk.Idempotency
	token string
	up    bool

	lossy, doubles, trusts, reversed, mute, leaks, logs, failsOnNUL, lies, closesOnce, closed bool
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
	m.store.ids = append(m.store.ids, e.ID)
}

func (m *memory) Close(context.Context) error {
	if m.closesOnce && m.closed {
		return errors.New("closed already")
	}
	m.closed = true
	return nil
}

func TestSinkOfGoodSinks(t *testing.T) {
	for _, class := range []sdk.Idempotency{sdk.Keyed, sdk.NotIdempotent} {
		s := new(store)
		Sink(t, func() sdk.Sink[memoryConfig] { return &memory{store: s, class: class} }, s.harness())
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
		{"has no such class", "describe", `class "eventually" does not exist`, memory{class: "eventually"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := new(store)
			r := newRecorder()
			var logs []*Connection
			suite := &SinkSuite{
				Type: "memory", Harness: s.harness(),
				Connect: func(context.Context) (*sdk.Client, func() error, error) {
					m := c.sink
					m.store = s
					conn, err := Connect(sdk.SinkType[memoryConfig](&m))
					if err != nil {
						return nil, nil, err
					}
					logs = append(logs, conn)
					return conn.Client, conn.Close, nil
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
