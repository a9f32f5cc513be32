package suite

import (
	"context"
	"fmt"

	"github.com/patchbay-io/patchbay/sdk"
)

// configure checks that wrong arguments are refused, by name, and that checking
// them is all that happens; and that Close may follow a failed Open.
func (s *Sink) configure(ctx context.Context, r Reporter) {
	s.with(ctx, r, func(c *sinkConn) {
		for _, bad := range badConfigs(r, s.Harness.Config, s.info.Schema) {
			resp, err := c.openCall(ctx, bad.config, true)
			if err != nil {
				r.Errorf("Open with %s: %v", bad.what, err)
				continue
			}
			checkRefused(r, bad, resp.Diagnostics)
			s.secrets.absent(r, "what Open says of "+bad.what, diagnosticText(resp.Diagnostics))
		}
		resp, err := c.openCall(ctx, s.Harness.Config, true)
		if err != nil || resp.Failure != nil {
			r.Errorf("Open, only to check a good configuration: %v, failure %v", err, resp.GetFailure())
		}
		c.close(ctx, r)
	})
	s.with(ctx, r, func(c *sinkConn) {
		if resp, err := c.openCall(ctx, []byte(`{"no_such_argument":1}`), false); err != nil || len(resp.Diagnostics) == 0 {
			r.Errorf("Open with an unknown argument: %v, findings %v", err, resp.GetDiagnostics())
		}
		c.close(ctx, r)
		c.close(ctx, r)
	})
}

// readBack checks that the harness can tell what the destination holds.
func (s *Sink) readBack(ctx context.Context, r Reporter) {
	if s.Harness.Read == nil {
		r.Skipf("nothing reads the destination back: that events are there, once and in order, is taken on the sink's word")
		return
	}
	s.opened(ctx, r, func(c *sinkConn) { s.once(ctx, r, c, "read back", s.maker.batch(1)) })
}

// shapes writes what is hard to store. A rejection is fair, if it says why and
// is true; silence and a failed batch are not.
func (s *Sink) shapes(ctx context.Context, r Reporter) {
	s.opened(ctx, r, func(c *sinkConn) {
		names, events := s.maker.shapes()
		for i := range events {
			r.Run(names[i], func(r Reporter) { s.once(ctx, r, c, names[i], events[i:i+1]) })
		}
		_, together := s.maker.shapes()
		r.Run("together", func(r Reporter) { s.once(ctx, r, c, "together", together) })
	})
}

// once writes events and checks that the destination holds what is done once,
// and nothing else of them.
func (s *Sink) once(ctx context.Context, r Reporter, c *sinkConn, batch string, events []sdk.Event) {
	done := c.mustWrite(ctx, r, batch, events)
	if len(done) == 0 {
		return
	}
	if len(done) < len(events) {
		r.Logf("%d of %d events were rejected", len(events)-len(done), len(events))
	}
	want := map[sdk.ID]int{}
	for i := range done {
		want[done[i].ID] = 1
	}
	if s.Harness.Read == nil {
		return
	}
	held, _ := s.held(ctx, r)
	for i := range events {
		if id := events[i].ID; held[id] != want[id] {
			r.Errorf("event %d (%s) is held %d times, want %d", i, id, held[id], want[id])
		}
	}
}

// growth writes attributes that were never seen before, batch after batch and
// again after a restart, as sources do when a provider adds a field.
func (s *Sink) growth(ctx context.Context, r Reporter) {
	for round := range 2 {
		s.opened(ctx, r, func(c *sinkConn) {
			for step := range 3 {
				events := s.maker.batch(4)
				for i := range events {
					for k := range step {
						events[i].SetAttr(fmt.Sprintf("grown_%d_%d_%d", round, step, k), "v")
					}
				}
				s.once(ctx, r, c, fmt.Sprintf("growth %d %d", round, step), events)
			}
		})
	}
}

// sizes writes batches of none, one, and as many as core sends.
func (s *Sink) sizes(ctx context.Context, r Reporter) {
	s.opened(ctx, r, func(c *sinkConn) {
		for _, n := range []int{0, 1, 2, 512, 1} {
			if n == 0 {
				c.mustWrite(ctx, r, "size 0", nil)
				continue
			}
			s.once(ctx, r, c, fmt.Sprintf("size %d, %d", n, s.maker.n), s.maker.batch(n))
		}
	})
}

// order checks that the events of a message keep their order (I5), within a
// batch and from batch to batch.
func (s *Sink) order(ctx context.Context, r Reporter) {
	s.opened(ctx, r, func(c *sinkConn) {
		place := map[sdk.ID]int{} // within its message
		message := map[sdk.ID]string{}
		for b := range 3 {
			var events []sdk.Event
			for k := range 60 {
				name := fmt.Sprintf("ordered-%d", k%3)
				e := s.maker.next(name, sdk.Sent)
				place[e.ID], message[e.ID] = b*100+k, name
				events = append(events, e)
			}
			if done := c.mustWrite(ctx, r, fmt.Sprintf("order %d", b), events); len(done) != len(events) {
				r.Errorf("%d of %d ordinary events are done", len(done), len(events))
				return
			}
		}
		if s.Harness.Read == nil {
			return
		}
		_, ids := s.held(ctx, r)
		last, seen := map[string]int{}, 0
		for _, id := range ids {
			name, ours := message[id]
			if !ours {
				continue
			}
			seen++
			if !s.Harness.Unordered && place[id] < last[name] {
				r.Errorf("message %s: event %d stands after event %d", name, place[id], last[name])
				return
			}
			last[name] = place[id]
		}
		if seen != len(place) {
			r.Errorf("the destination holds %d of %d events", seen, len(place))
		}
	})
}

func (s *Sink) class() sdk.Idempotency {
	return sdk.Idempotency(s.info.GetSink().GetIdempotency())
}

// repeat sends a batch again, as core does if an answer was lost, and again by a
// new process (I4).
func (s *Sink) repeat(ctx context.Context, r Reporter) {
	events := s.maker.batch(40)
	for round := range 3 {
		again := append([]sdk.Event(nil), events...)
		for i := range again {
			again[i].MaybeWritten = round > 0
		}
		write := func(c *sinkConn) {
			if done := c.mustWrite(ctx, r, "repeat", again); len(done) != len(again) {
				r.Errorf("round %d: %d of %d ordinary events are done", round, len(done), len(again))
			}
			s.checkCounts(ctx, r, again, 1+round, s.class() != sdk.NotIdempotent)
		}
		s.opened(ctx, r, write)
	}
}

// checkCounts checks that each event is held once, or, where repeats are not
// recognised, between once and most times.
func (s *Sink) checkCounts(ctx context.Context, r Reporter, events []sdk.Event, most int, exactly bool) {
	if s.Harness.Read == nil {
		return
	}
	if exactly {
		most = 1
	}
	held, _ := s.held(ctx, r)
	for i := range events {
		if n := held[events[i].ID]; n < 1 || n > most {
			r.Errorf("event %d (%s) is held %d times, want 1 to %d", i, events[i].ID, n, most)
			return
		}
	}
}

// overlap sends a batch that repeats half of another, as core does after it
// split a batch or restarted.
func (s *Sink) overlap(ctx context.Context, r Reporter) {
	s.opened(ctx, r, func(c *sinkConn) {
		events := s.maker.batch(96)
		c.mustWrite(ctx, r, "overlap 1", events[:64])
		second := append([]sdk.Event(nil), events[32:]...)
		for i := range second[:32] {
			second[i].MaybeWritten = true
		}
		if done := c.mustWrite(ctx, r, "overlap 2", second); len(done) != len(second) {
			r.Errorf("%d of %d ordinary events are done", len(done), len(second))
		}
		// Only these classes know an event by itself; the others know batches.
		exactly := s.class() == sdk.Keyed || s.class() == sdk.Probe
		s.checkCounts(ctx, r, events, 2, exactly)
	})
}

// maybeWritten sends events that may have been written and were not: the flag
// is a warning, not a fact.
func (s *Sink) maybeWritten(ctx context.Context, r Reporter) {
	s.opened(ctx, r, func(c *sinkConn) {
		events := s.maker.batch(20)
		for i := range events {
			events[i].MaybeWritten = i%2 == 0
		}
		s.once(ctx, r, c, "maybe written", events)
	})
}

// closes checks that Close may come twice, that nothing written is lost by it,
// and that a Write afterwards does no harm.
func (s *Sink) closes(ctx context.Context, r Reporter) {
	events := s.maker.batch(10)
	late := s.maker.batch(2)
	lateDone := false
	s.with(ctx, r, func(c *sinkConn) {
		if !c.open(ctx, r) {
			return
		}
		c.mustWrite(ctx, r, "close", events)
		c.close(ctx, r)
		c.close(ctx, r)
		out, err := c.write(ctx, "late", late)
		lateDone = err == nil && out[0].Kind == sdk.OutcomeDone
	})
	s.opened(ctx, r, func(c *sinkConn) {
		s.checkCounts(ctx, r, events, 1, true)
		if held, _ := s.held(ctx, r); s.Harness.Read != nil && lateDone && held[late[0].ID] == 0 {
			r.Errorf("a Write after Close says done and wrote nothing")
		}
		s.once(ctx, r, c, "after close", s.maker.batch(3))
	})
}

// unreachable opens a sink whose destination is not there: an answer in time
// that is no success, and Close after it.
func (s *Sink) unreachable(ctx context.Context, r Reporter) {
	if len(s.Harness.Unreachable) == 0 {
		r.Skipf("no configuration is known under which the destination cannot be reached")
		return
	}
	s.with(ctx, r, func(c *sinkConn) {
		resp, err := c.openCall(ctx, s.Harness.Unreachable, false)
		if err != nil {
			r.Errorf("Open without a destination must answer with a failure: %v", err)
		} else if resp.Failure == nil && len(resp.Diagnostics) == 0 {
			events := s.maker.batch(2)
			out, err := c.write(ctx, "unreachable", events)
			for i, o := range out {
				if o.Kind == sdk.OutcomeDone || o.Kind == sdk.OutcomeDuplicate || o.Kind == sdk.OutcomeRejected {
					r.Errorf("event %d: there is no destination, and the outcome is %+v", i, o)
				}
			}
			if err != nil {
				s.secrets.absent(r, "the failure of Write", []byte(err.Error()))
			}
		} else if f := sdk.OpenFailure(resp); f != nil {
			s.secrets.absent(r, "the failure of Open", []byte(f.Error()))
		}
		c.close(ctx, r)
	})
}

// cancel checks that a caller who gave up is not held, and that the sink works
// on: what it wrote meanwhile may be there, what comes next must be.
func (s *Sink) cancel(ctx context.Context, r Reporter) {
	s.opened(ctx, r, func(c *sinkConn) {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		events := s.maker.batch(20)
		if _, err := c.write(gone, "cancelled", events); err == nil {
			r.Errorf("Write with a cancelled context reports no error")
		}
		for i := range events {
			events[i].MaybeWritten = true
		}
		if done := c.mustWrite(ctx, r, "cancelled", events); len(done) != len(events) {
			r.Errorf("after a cancelled Write %d of %d ordinary events are done", len(done), len(events))
		}
		s.checkCounts(ctx, r, events, 2, s.class() != sdk.NotIdempotent)
	})
}
