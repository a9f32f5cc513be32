package sdk

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk/wire"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var countWindow = Window{
	Start: time.Date(2026, 3, 1, 6, 0, 0, 1000, time.UTC), End: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC),
}

func day(d int) time.Time { return time.Date(2026, 3, d, 0, 0, 0, 0, time.UTC) }

// I13: a count that cannot be one is nobody's.
func TestCountRefusesLiars(t *testing.T) {
	t.Parallel()
	of := func(source string, day time.Time, typ wire.EventType, n int64) *wire.Count {
		return &wire.Count{Source: source, Day: day.UnixMicro(), EventType: typ, Events: n}
	}
	const sent = wire.EventType_EVENT_TYPE_SENT
	for _, c := range []struct {
		name   string
		counts []*wire.Count
		want   string // empty: fine
	}{
		{"nothing", nil, ""},
		{"the days of the window", []*wire.Count{of("a", day(1), sent, 1), of("a", day(2), sent, 5)}, ""},
		{"groups that differ", []*wire.Count{of("a", day(1), sent, 1), of("b", day(1), sent, 1), of("a", day(1), wire.EventType_EVENT_TYPE_UNMAPPED, 1)}, ""},
		{"a group twice", []*wire.Count{of("a", day(1), sent, 1), of("a", day(1), sent, 2)}, "twice"},
		{"none", []*wire.Count{of("a", day(1), sent, 0)}, "counted 0 events"},
		{"fewer than none", []*wire.Count{of("a", day(1), sent, -3)}, "counted -3 events"},
		{"no type", []*wire.Count{of("a", day(1), 0, 1)}, "type 0"},
		{"a type that does not exist", []*wire.Count{of("a", day(1), 99, 1)}, "type 99"},
		{"a type below all", []*wire.Count{of("a", day(1), -1, 1)}, "type -1"},
		{"an hour", []*wire.Count{of("a", day(1).Add(time.Hour), sent, 1)}, "no day of the window"},
		{"the day before", []*wire.Count{of("a", day(0), sent, 1)}, "no day of the window"},
		{"the day after", []*wire.Count{of("a", day(3), sent, 1)}, "no day of the window"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := (&liar{count: &wire.CountResponse{Counts: c.counts}}).client(t).Count(t.Context(), countWindow)
			if c.want == "" {
				if err != nil || len(got) != len(c.counts) {
					t.Errorf("got %v, %v, want %d groups", got, err, len(c.counts))
				}
				return
			}
			if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v, want a broken protocol with %q", got, err, c.want)
			}
		})
	}
}

func TestCountFailure(t *testing.T) {
	t.Parallel()
	l := &liar{count: &wire.CountResponse{Failure: &wire.Failure{Class: "auth", Code: "28P01", Reason: "refused"}}}
	_, err := l.client(t).Count(t.Context(), countWindow)
	var f *Failure
	if !errors.As(err, &f) || f.Class != AuthFailed || f.Code != "28P01" {
		t.Errorf("got %v, want the failure", err)
	}
}

// countingSink counts what it is told to.
type countingSink struct {
	quietSink
	counts []Count
	err    error
	asked  Window
}

func (s *countingSink) Count(_ context.Context, w Window) ([]Count, error) {
	s.asked = w
	return s.counts, s.err
}

// quietSink takes everything and counts nothing.
type quietSink struct{}

func (quietSink) Info() Info                                     { return Info{Name: "quiet", Version: "1"} }
func (quietSink) Open(context.Context, *plainConfig) error       { return nil }
func (quietSink) Write(context.Context, []Event, *Results) error { return nil }
func (quietSink) Close(context.Context) error                    { return nil }

func TestCounter(t *testing.T) {
	t.Parallel()
	want := []Count{{"twilio.support", day(1), Sent, 3}, {"twilio.support", day(2), Unmapped, 1}}
	s := &countingSink{counts: want}
	c := openSink(t, s)
	got, err := c.Count(t.Context(), countWindow)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if s.asked != countWindow {
		t.Errorf("the sink was asked for %v, want %v", s.asked, countWindow)
	}
	s.err = &Failure{Class: Throttled, Wait: time.Second}
	var f *Failure
	if _, err := c.Count(t.Context(), countWindow); !errors.As(err, &f) || f.Wait != time.Second {
		t.Errorf("got %v, want the sink's failure", err)
	}
	s.err = errors.New("broken")
	if _, err := c.Count(t.Context(), countWindow); status.Code(err) != codes.Unknown || !strings.Contains(err.Error(), "broken") {
		t.Errorf("got %v, want the sink's error", err)
	}
	for _, w := range []Window{{countWindow.End, countWindow.Start}, {day(1), day(1)}} {
		if _, err := c.Count(t.Context(), w); status.Code(err) != codes.InvalidArgument {
			t.Errorf("an empty window: got %v", err)
		}
	}
}

// A capability is announced by the sinks that have it alone.
func TestCounterIsAnnounced(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sink Sink[plainConfig]
		want []string
	}{{&countingSink{}, []string{"count"}}, {quietSink{}, nil}} {
		d, err := serveTypes(t, SinkType(c.sink)).Describe(t.Context())
		if err != nil || !reflect.DeepEqual(d.Types[0].Capabilities, c.want) {
			t.Errorf("%T: got %v, %v, want %v", c.sink, d.GetTypes(), err, c.want)
		}
	}
	if _, err := openSink(t, quietSink{}).Count(t.Context(), countWindow); status.Code(err) != codes.Unimplemented {
		t.Errorf("a sink that does not count: got %v", err)
	}
	if _, err := serveTypes(t, SinkType(&countingSink{})).Count(t.Context(), countWindow); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("a sink that is not open: got %v", err)
	}
}

func openSink(t *testing.T, s Sink[plainConfig]) *Client {
	t.Helper()
	c := serveTypes(t, SinkType(s))
	resp, err := c.OpenSink(t.Context(), &wire.ConfigureRequest{Type: s.Info().Name, Name: "x", ConfigJson: []byte(`{"key":"k"}`)})
	if err != nil || resp.Failure != nil || len(resp.Diagnostics) > 0 {
		t.Fatalf("open: %v, %v", resp, err)
	}
	return c
}

func TestDay(t *testing.T) {
	t.Parallel()
	helsinki := time.FixedZone("EET", 2*60*60)
	for _, c := range []struct{ at, want time.Time }{
		{day(1), day(1)},
		{day(2).Add(-time.Microsecond), day(1)},
		{time.Date(2026, 3, 2, 1, 0, 0, 0, helsinki), day(1)},
		{time.UnixMicro(-1), time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC)},
	} {
		if got := Day(c.at); !got.Equal(c.want) || got.Location() != time.UTC {
			t.Errorf("Day(%v): got %v, want %v", c.at, got, c.want)
		}
	}
}
