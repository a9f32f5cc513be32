package suite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// faultSize is how many events the batch has that a fault hits.
const faultSize = 200

// faults plays what core meets: a plugin that dies, an answer that is lost, a
// batch that comes again in another shape. What core does then is done too: a new
// plugin gets the same batch, with MaybeWritten. Afterwards the destination must
// hold what the declared class promises (I4): each event once, or, where repeats
// are not recognised, each at least once.
func (s *Sink) faults(ctx context.Context, r Reporter) {
	took, ok := s.duration(ctx, r)
	if !ok {
		return
	}
	r.Run("killed", func(r Reporter) {
		// At several places of the call: before, within, and about its end.
		for k := range 5 {
			s.killedAfter(ctx, r, fmt.Sprintf("killed %d", k), took*time.Duration(k)/4)
		}
	})
	r.Run("killed_twice", func(r Reporter) {
		events := s.maker.batch(faultSize)
		for range 2 {
			s.interrupted(ctx, r, "killed twice", events, took/2)
			maybe(events)
		}
		s.recovered(ctx, r, "killed twice", events, 3)
	})
	r.Run("answer_lost", func(r Reporter) {
		events := s.maker.batch(faultSize)
		s.opened(ctx, r, func(c *sinkConn) {
			c.mustWrite(ctx, r, "answer lost", events)
			c.kill(r) // core had not heard of it: for core the batch is still to be written
		})
		maybe(events)
		s.recovered(ctx, r, "answer lost", events, 2)
	})
	r.Run("slow", func(r Reporter) { s.slow(ctx, r, took/2) })
	r.Run("half", func(r Reporter) { s.half(ctx, r) })
	r.Run("late", func(r Reporter) { s.late(ctx, r) })
}

func maybe(events []sdk.Event) {
	for i := range events {
		events[i].MaybeWritten = true
	}
}

// duration is how long an ordinary batch takes.
func (s *Sink) duration(ctx context.Context, r Reporter) (took time.Duration, ok bool) {
	s.opened(ctx, r, func(c *sinkConn) {
		s.once(ctx, r, c, "warm up", s.maker.batch(1))
		events := s.maker.batch(faultSize)
		begin := time.Now()
		ok = len(c.mustWrite(ctx, r, "duration", events)) == len(events)
		took = time.Since(begin)
	})
	return took, ok
}

func (s *Sink) killedAfter(ctx context.Context, r Reporter, batch string, wait time.Duration) {
	events := s.maker.batch(faultSize)
	s.interrupted(ctx, r, batch, events, wait)
	maybe(events)
	s.recovered(ctx, r, batch, events, 2)
}

// interrupted has a plugin write a batch and kills it while it does.
func (s *Sink) interrupted(ctx context.Context, r Reporter, batch string, events []sdk.Event, wait time.Duration) {
	s.opened(ctx, r, func(c *sinkConn) {
		written := make(chan struct{})
		go func() {
			defer close(written)
			_, _ = c.write(ctx, batch, events) // whatever it says is lost
		}()
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-written:
		}
		c.kill(r)
		<-written
	})
}

// recovered has a new plugin write a batch again until all of it is done, and
// checks what the destination holds. most is how often it was sent altogether.
func (s *Sink) recovered(ctx context.Context, r Reporter, batch string, events []sdk.Event, most int) {
	s.opened(ctx, r, func(c *sinkConn) {
		if done := c.mustWrite(ctx, r, batch, events); len(done) != len(events) {
			r.Errorf("%s: after it, %d of %d ordinary events are done", batch, len(done), len(events))
			return
		}
		s.checkCounts(ctx, r, events, most, s.class() != sdk.NotIdempotent)
	})
}

// slow gives up on a call in its middle and goes on with the same plugin.
func (s *Sink) slow(ctx context.Context, r Reporter, wait time.Duration) {
	s.opened(ctx, r, func(c *sinkConn) {
		events := s.maker.batch(faultSize)
		short, cancel := context.WithTimeout(ctx, max(wait, time.Millisecond))
		_, _ = c.write(short, "slow", events)
		cancel()
		maybe(events)
		if done := c.mustWrite(ctx, r, "slow", events); len(done) != len(events) {
			r.Errorf("after a call that was given up %d of %d ordinary events are done", len(done), len(events))
			return
		}
		s.checkCounts(ctx, r, events, 2, s.class() != sdk.NotIdempotent)
	})
}

// half has the first part of the events written before the plugin dies. A sink
// that knows batches gets the same two again, as core has kept their shape; one
// that knows events gets another shape.
func (s *Sink) half(ctx context.Context, r Reporter) {
	events := s.maker.batch(faultSize)
	cut := faultSize / 2
	s.opened(ctx, r, func(c *sinkConn) {
		c.mustWrite(ctx, r, "half 1", events[:cut])
		c.kill(r)
	})
	maybe(events[:cut])
	type part struct {
		batch    string
		from, to int
	}
	parts := []part{{"half 1", 0, cut}, {"half 2", cut, faultSize}}
	if c := s.class(); c == sdk.Keyed || c == sdk.Probe {
		parts = []part{{"half 3", 0, cut / 2}, {"half 4", cut / 2, faultSize}}
	}
	s.opened(ctx, r, func(c *sinkConn) {
		for _, p := range parts {
			c.mustWrite(ctx, r, p.batch, events[p.from:p.to])
		}
		s.checkCounts(ctx, r, events, 2, s.class() != sdk.NotIdempotent)
	})
}

// late writes the second batch of a message before the first, as a replay does:
// an event is not refused, or left out, because a later one is there.
func (s *Sink) late(ctx context.Context, r Reporter) {
	var events []sdk.Event
	for i := range 40 {
		events = append(events, s.maker.next(fmt.Sprintf("late-%d", i%4), sdk.EventType(1+i%int(sdk.Unmapped))))
	}
	s.opened(ctx, r, func(c *sinkConn) {
		s.once(ctx, r, c, "late 2", events[20:])
		s.once(ctx, r, c, "late 1", events[:20])
	})
}

// disturbances has the destination misbehave.
func (s *Sink) disturbances(ctx context.Context, r Reporter) {
	if s.Harness.Disturb == nil {
		r.Skipf("nothing is known that has the destination misbehave")
		return
	}
	for _, d := range []Disturbance{Down, Throttled, Severed} {
		r.Run(string(d), func(r Reporter) { s.disturbed(ctx, r, d) })
	}
}

func (s *Sink) disturbed(ctx context.Context, r Reporter, d Disturbance) {
	possible := true
	s.opened(ctx, r, func(c *sinkConn) {
		c.mustWrite(ctx, r, "before "+string(d), s.maker.batch(2))
		end, err := s.Harness.Disturb(ctx, d)
		if err != nil {
			r.Errorf("the harness cannot disturb the destination: %v", err)
			return
		}
		if possible = end != nil; !possible {
			return
		}
		events := s.maker.batch(20)
		out, err := c.write(ctx, string(d), events)
		end()
		s.checkDisturbed(r, d, out, err)
		maybe(events)
		for range disturbedAttempts {
			if out, err = c.write(ctx, string(d), events); settled(out, err) {
				break
			}
		}
		if !settled(out, err) {
			r.Errorf("after the destination was %s, events are still not done: %v, %+v", d, err, out)
			return
		}
		s.checkCounts(ctx, r, events, 1+disturbedAttempts, s.class() != sdk.NotIdempotent)
	})
	if !possible {
		r.Skipf("the harness's destination cannot be %s", d)
	}
}

// disturbedAttempts is how often a batch is sent to a destination that came
// back: the first attempts may find connections that are broken.
const disturbedAttempts = 10

func settled(out []sdk.Outcome, err error) bool {
	for _, o := range out {
		if o.Kind != sdk.OutcomeDone && o.Kind != sdk.OutcomeDuplicate {
			return false
		}
	}
	return err == nil
}

// checkDisturbed checks what a sink says while its destination misbehaves.
func (s *Sink) checkDisturbed(r Reporter, d Disturbance, out []sdk.Outcome, err error) {
	if err != nil {
		s.secrets.absent(r, "a failure", []byte(err.Error()))
	}
	var f *sdk.Failure
	waits := errors.As(err, &f) && f.Class == sdk.Throttled && f.Wait > 0
	for i, o := range out {
		s.secrets.absent(r, "an outcome", []byte(o.Code+"\n"+o.Reason))
		switch {
		case o.Kind == sdk.OutcomeRejected:
			r.Errorf("event %d is rejected (%s) because the destination was %s: it would be lost to it for good", i, o.Code, d)
			return
		case d == Severed && o.Kind == sdk.OutcomeRetry && s.class() != sdk.Keyed:
			r.Errorf("event %d is said to have had no effect, which nobody knows: say Unknown", i)
			return
		case d == Down && o.Kind == sdk.OutcomeDone:
			r.Errorf("event %d is said to be done while the destination was down", i)
			return
		case o.Kind == sdk.OutcomeRetry && o.Wait > 0:
			waits = true
		}
	}
	if d == Severed && f != nil && s.class() != sdk.Keyed {
		r.Errorf("a failure says that no event took effect, which nobody knows: say Unknown of each: %v", f)
	}
	if d == Throttled && !waits {
		r.Errorf("the destination asked to wait, and the sink does not pass it on: %v, %+v", err, out)
	}
}
