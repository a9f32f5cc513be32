package sdk

import (
	"context"
	"fmt"
	"time"

	"github.com/patchbay-io/patchbay/sdk/wire"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Counter is implemented by sinks that can say what their destination holds, so
// that it can be compared with what was delivered to it (I18).
type Counter interface {
	// Count returns how many distinct event ids (Event.ID) the destination holds
	// whose Event.Time lies in w, by source, UTC day and type. It asks the
	// destination and never what the sink remembers. Groups may come in any order,
	// each at most once; empty ones are left out.
	//
	// It is called after Open, in a process that core starts for it, and not at the
	// same time as another call. Other processes may write to the destination
	// meanwhile: what they commit may be counted or not. A *Failure says that the
	// destination cannot be asked now: an error is never to be taken for none.
	Count(ctx context.Context, w Window) ([]Count, error)
}

// Window is a stretch of time: Start belongs to it, End does not. Both are whole
// microseconds, as the times of events are.
type Window struct{ Start, End time.Time }

// Contains reports whether t lies in w.
func (w Window) Contains(t time.Time) bool { return !t.Before(w.Start) && t.Before(w.End) }

// Count is how many events of one group a destination holds.
type Count struct {
	Source string    // Event.Source
	Day    time.Time // when the day of Event.Time begins, UTC (see Day)
	Type   EventType // Unmapped for events that no mapping knew
	Events int64     // distinct event ids, at least 1
}

// Day returns when the UTC day of t begins.
func Day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// capCount announces a Counter.
const capCount = "count"

func (s *sinkServer[C]) Count(ctx context.Context, r *wire.CountRequest) (*wire.CountResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.s.(Counter)
	if !ok {
		return nil, status.Error(codes.Unimplemented, "this sink does not count")
	}
	if r.Start >= r.End {
		return nil, status.Error(codes.InvalidArgument, "the window is empty")
	}
	counts, err := c.Count(ctx, Window{time.UnixMicro(r.Start).UTC(), time.UnixMicro(r.End).UTC()})
	if err != nil {
		if asFailure(err) == nil {
			return nil, status.Error(codes.Unknown, err.Error())
		}
		return &wire.CountResponse{Failure: wireFailure(err)}, nil
	}
	out := &wire.CountResponse{Counts: make([]*wire.Count, len(counts))}
	for i, n := range counts {
		out.Counts[i] = &wire.Count{Source: n.Source, Day: n.Day.UnixMicro(), EventType: wire.EventType(n.Type), Events: n.Events}
	}
	return out, nil
}

func (m *sinkMux) Count(ctx context.Context, r *wire.CountRequest) (*wire.CountResponse, error) {
	s, err := m.configured()
	if err != nil {
		return nil, err
	}
	return guard(ctx, func() (*wire.CountResponse, error) { return s.Count(ctx, r) })
}

// Count asks a sink that announces the capability "count" what its destination
// holds (Counter.Count). A *Failure says that it could not be asked now.
func (c *Client) Count(ctx context.Context, w Window) ([]Count, error) {
	resp := new(wire.CountResponse)
	if err := c.cc.Invoke(ctx, wire.MethodCount, &wire.CountRequest{Start: w.Start.UnixMicro(), End: w.End.UnixMicro()}, resp); err != nil {
		return nil, err
	}
	if resp.Failure != nil {
		return nil, clientFailure(resp.Failure)
	}
	out := make([]Count, 0, len(resp.Counts))
	seen := map[Count]bool{}
	for _, n := range resp.Counts {
		group := Count{Source: n.Source, Day: time.UnixMicro(n.Day).UTC(), Type: EventType(n.EventType)}
		switch {
		case n.EventType <= wire.EventType_EVENT_TYPE_UNSPECIFIED || int64(n.EventType) >= int64(eventTypes):
			return nil, fmt.Errorf("%w: counted events of type %d, which does not exist", ErrProtocol, n.EventType)
		case n.Events < 1:
			return nil, fmt.Errorf("%w: counted %d events of type %s: groups of none are left out", ErrProtocol, n.Events, group.Type)
		case !group.Day.Equal(Day(group.Day)) || group.Day.Before(Day(w.Start)) || !group.Day.Before(w.End):
			return nil, fmt.Errorf("%w: counted events of %s, which is no day of the window", ErrProtocol, group.Day.Format(time.RFC3339Nano))
		case seen[group]:
			return nil, fmt.Errorf("%w: counted events of source %q, %s, type %s twice", ErrProtocol, n.Source, group.Day.Format(time.DateOnly), group.Type)
		}
		seen[group] = true
		group.Events = n.Events
		out = append(out, group)
	}
	return out, nil
}
