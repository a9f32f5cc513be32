package suite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// countGroup is what counts are grouped by.
type countGroup struct {
	source string
	day    time.Time
	typ    sdk.EventType
}

func (g countGroup) String() string {
	return fmt.Sprintf("%s, %s, %s", g.source, g.day.Format(time.DateOnly), g.typ)
}

// countDay lies apart from the days of all other events of the suite.
var countDay = time.Date(2027, 3, 28, 0, 0, 0, 0, time.UTC)

// counts checks that what a sink counts is what was written (I18): each event
// once however often it was sent, in the window and the group that it belongs to,
// at once and after a restart.
func (s *Sink) counts(ctx context.Context, r Reporter) {
	if !slices.Contains(s.info.GetCapabilities(), "count") {
		r.Skipf("the sink does not count: what its destination holds cannot be reconciled")
		return
	}
	var done []sdk.Event
	s.opened(ctx, r, func(c *sinkConn) {
		events := s.countEvents()
		for b := range 4 {
			batch := events[b*len(events)/4 : (b+1)*len(events)/4]
			done = append(done, c.mustWrite(ctx, r, fmt.Sprintf("count %d", b), batch)...)
			c.checkCount(ctx, r, fmt.Sprintf("after batch %d", b), countWindows()[0], done)
		}
		again := slices.Clone(events[:len(events)/4])
		maybe(again)
		c.mustWrite(ctx, r, "count 0", again)
		if s.class() == sdk.Keyed || s.class() == sdk.Probe {
			c.mustWrite(ctx, r, "count 0, split", again[:1])
		}
		c.checkCount(ctx, r, "after events were sent twice", countWindows()[0], done)
	})
	s.opened(ctx, r, func(c *sinkConn) {
		for _, w := range countWindows() {
			c.checkCount(ctx, r, "after a restart", w, done)
		}
	})
	s.countUnreachable(ctx, r)
}

// countEvents returns events of several sources and types, at the edges of days
// and within them.
func (s *Sink) countEvents() []sdk.Event {
	times := []time.Time{
		countDay, countDay.Add(time.Microsecond), countDay.Add(12 * time.Hour), countDay.Add(24*time.Hour - time.Microsecond),
		countDay.Add(24 * time.Hour), countDay.Add(24*time.Hour + 90*time.Minute), countDay.Add(-time.Microsecond),
		time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
	}
	types := []sdk.EventType{sdk.Sent, sdk.Delivered, sdk.Unmapped}
	var out []sdk.Event
	for i := range 96 {
		e := s.maker.next(fmt.Sprintf("count-%d", i%7), types[i%len(types)])
		e.Source, e.Time = fmt.Sprintf("acme.count_%d", i%2), times[i%len(times)]
		out = append(out, e)
	}
	return out
}

// countWindows are windows of which the first holds all of countEvents.
func countWindows() []sdk.Window {
	day := 24 * time.Hour
	return []sdk.Window{
		{Start: time.Unix(-1, 0).UTC(), End: countDay.Add(2 * day)},
		{Start: countDay, End: countDay.Add(day)},
		{Start: countDay.Add(-day), End: countDay},
		{Start: countDay.Add(day - time.Microsecond), End: countDay.Add(day)},
		{Start: countDay.Add(12*time.Hour + time.Microsecond), End: countDay.Add(day + 90*time.Minute)}, // an event is at its end
		{Start: countDay.Add(2 * day), End: countDay.Add(30 * day)},
		{Start: time.Unix(-1, 0).UTC(), End: time.Unix(0, 0).UTC()},
	}
}

func (c *sinkConn) count(ctx context.Context, w sdk.Window) ([]sdk.Count, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return c.client.Count(ctx, w)
}

// checkCount counts a window and compares it with the events that were written.
// Events of other checks may be there too.
func (c *sinkConn) checkCount(ctx context.Context, r Reporter, when string, w sdk.Window, written []sdk.Event) {
	counts, err := c.count(ctx, w)
	if err != nil {
		r.Errorf("%s: Count from %s to %s: %v", when, w.Start.Format(time.RFC3339Nano), w.End.Format(time.RFC3339Nano), err)
		return
	}
	got, want := map[countGroup]int64{}, map[countGroup]int64{}
	for _, n := range counts {
		if strings.HasPrefix(n.Source, "acme.count_") {
			got[countGroup{n.Source, n.Day, n.Type}] = n.Events
		}
	}
	for i := range written {
		if e := &written[i]; w.Contains(e.Time) {
			want[countGroup{e.Source, sdk.Day(e.Time), e.Type}]++
		}
	}
	groups := slices.Collect(maps.Keys(want))
	for g := range got {
		if want[g] == 0 {
			groups = append(groups, g)
		}
	}
	slices.SortFunc(groups, func(a, b countGroup) int { return strings.Compare(a.String(), b.String()) })
	for _, g := range groups {
		if got[g] != want[g] {
			r.Errorf("%s: events of (%s) from %s to %s: counted %d, written %d", when, g,
				w.Start.Format(time.RFC3339Nano), w.End.Format(time.RFC3339Nano), got[g], want[g])
			return
		}
	}
}

// countUnreachable checks that what could not be asked is not said to be empty.
func (s *Sink) countUnreachable(ctx context.Context, r Reporter) {
	if len(s.Harness.Unreachable) == 0 {
		return
	}
	s.with(ctx, r, func(c *sinkConn) {
		_, _ = c.openCall(ctx, s.Harness.Unreachable, false) // what it says is another check's
		counts, err := c.count(ctx, countWindows()[0])
		if err == nil {
			r.Errorf("Count without a destination: got %d groups, want an error: none is not unknown", len(counts))
		} else {
			s.secrets.absent(r, "the failure of Count", []byte(err.Error()))
		}
		if errors.Is(err, sdk.ErrProtocol) {
			r.Errorf("Count without a destination: %v", err)
		}
		c.close(ctx, r)
	})
}
