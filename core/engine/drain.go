package engine

import (
	"context"
	"time"

	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/pipeline"
	"github.com/patchbay-io/patchbay/core/pluginhost"
)

const (
	// drainTimeout bounds how long what leaves the configuration may go on with
	// what waits for it. The rest stays in the journal.
	drainTimeout = 10 * time.Second
	drainLook    = 10 * time.Millisecond // between two looks
)

// until looks until f holds, and gives up after drainTimeout.
func until(ctx context.Context, f func() bool) {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	t := time.NewTicker(drainLook)
	defer t.Stop()
	for !f() {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// drainLanes has the lanes that leave process what is stored, while the old
// generation still runs. Sources that leave receive nothing more meanwhile:
// their providers are told to come again, in case they stay after all.
func (c *change) drainLanes(ctx context.Context) error {
	c.endpointMu.Lock()
	for address := range c.old.sources {
		if c.next.sources[address] == nil {
			c.leaving[address] = true
		}
	}
	n := len(c.leaving)
	c.endpointMu.Unlock()
	if n > 0 {
		if err := c.setEndpoints(); err != nil {
			return err
		}
	}
	var wait []func() bool
	for name, p := range c.old.pipes {
		for address, l := range p.lanes {
			if c.reads(name, address) {
				continue
			}
			cursor, s := pipeline.CursorName(name, address), c.old.sources[address]
			end := s.raw.Tail()
			if c.next.sources[address] != nil {
				c.ends[cursor] = end // what comes from now on is not its business
			}
			if q, err := c.queues(); err == nil && chosen(q[cursor], c.discard) {
				continue
			}
			wait = append(wait, func() bool {
				return c.journal.Cursor(cursor).Offset >= end || l.Held() || s.proc.Status().State != pluginhost.Running
			})
		}
	}
	until(ctx, func() bool { return all(wait) })
	return ctx.Err() // the engine stops: then nothing changes any more
}

// drainDispatchers has the dispatchers that left deliver what is staged for
// them, beside the new generation. A sink that does not take it is not waited
// for.
func (c *change) drainDispatchers(ctx context.Context) {
	until(ctx, func() bool {
		qs, err := c.queues()
		if err != nil {
			return true
		}
		for _, d := range c.drains {
			s := d.Status()
			q := qs[dispatch.CursorName(s.Pipeline, s.Sink)]
			if q.Waiting > 0 && s.State == dispatch.Running && !chosen(q, c.discard) {
				return false
			}
		}
		return true
	})
}

func all(fs []func() bool) bool {
	for _, f := range fs {
		if !f() {
			return false
		}
	}
	return true
}
