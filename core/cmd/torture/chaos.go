package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"syscall"
	"time"
)

// core is the target that is no plugin.
const core = "patchbay"

// step is one thing that happens to the system.
type step struct {
	wait   time.Duration // before it
	target string        // core or a plugin's program
	// pause stops the target for so long instead of killing it. Only plugins.
	pause time.Duration
	// gentle ends the core with SIGTERM instead of killing it. Only the core.
	gentle bool
	// again are further kills of the core, each so long after it was launched,
	// before it is left to become ready. Only the core.
	again []time.Duration
}

// kills is how many processes the step kills.
func (s *step) kills() int {
	if s.pause > 0 || s.gentle {
		return 0
	}
	return 1 + len(s.again)
}

// schedule is a function of the seed: so many kills, and pauses between them.
func schedule(seed uint64, kills int) []step {
	rng := rand.New(rand.NewPCG(seed, 0x746f7274757265))
	between := func(low, high int) time.Duration {
		return time.Duration(low+rng.IntN(high-low)) * time.Millisecond
	}
	plugins := []string{sms, email, warehouse, appender}
	var out []step
	for left := kills; left > 0; {
		s := step{wait: between(20, 700), target: plugins[rng.IntN(len(plugins))]}
		switch p := rng.IntN(100); {
		case p < 20:
			s.pause = between(50, 1500)
		case p < 26:
			s.target, s.gentle = core, true
		case p < 62:
			s.target = core
			for len(s.again)+1 < left && rng.IntN(4) == 0 {
				s.again = append(s.again, between(0, 500))
			}
		}
		left -= s.kills()
		out = append(out, s)
	}
	return out
}

// chaos plays a schedule on the system.
type chaos struct {
	system *system
	log    io.Writer
	kills  map[string]int
	pauses int
	stops  int
	paused map[int]time.Time // stopped plugins and when they go on
}

// every is after how many kills progress is reported.
const every = 20

// play goes through the steps until the end or the deadline, and leaves the core
// ready and every plugin running on.
func (c *chaos) play(ctx context.Context, steps []step, deadline time.Time) error {
	c.kills, c.paused = map[string]int{}, map[int]time.Time{}
	total, told := 0, 0
	for i := range steps {
		s := &steps[i]
		if time.Now().After(deadline) {
			fmt.Fprintf(c.log, "out of time after %d kills\n", total)
			break
		}
		if err := c.rest(ctx, s.wait); err != nil {
			return err
		}
		if err := c.do(ctx, s); err != nil {
			return err
		}
		total += s.kills()
		if total >= told+every {
			told = total
			fmt.Fprintf(c.log, "%d kills\n", total)
		}
	}
	for len(c.paused) > 0 {
		if err := c.rest(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// rest waits, and lets paused plugins go on when they are due. A core that ends
// by itself meanwhile is a failure.
func (c *chaos) rest(ctx context.Context, d time.Duration) error {
	end := time.Now().Add(d)
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case now := <-t.C:
			if err := c.goOn(now); err != nil || now.After(end) {
				return err
			}
		case <-c.system.Done():
			return errors.New("the core ended by itself")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *chaos) goOn(now time.Time) error {
	for pid, due := range c.paused {
		if now.Before(due) {
			continue
		}
		delete(c.paused, pid)
		if _, err := c.system.signal(pid, syscall.SIGCONT); err != nil {
			return err
		}
	}
	return nil
}

func (c *chaos) do(ctx context.Context, s *step) error {
	switch {
	case s.gentle:
		return c.stopCore(ctx)
	case s.target == core:
		return c.killCore(ctx, s.again)
	}
	pid, err := c.find(ctx, s.target)
	if err != nil {
		return err
	}
	switch {
	case pid == 0 && s.pause > 0:
		return nil // it is in its backoff; there is nothing to pause
	case pid == 0:
		return c.killCore(ctx, nil) // instead; it starts the plugin at once, too
	}
	if s.pause > 0 {
		if ok, err := c.system.signal(pid, syscall.SIGSTOP); err != nil || !ok {
			return err
		}
		c.pauses++
		c.paused[pid] = time.Now().Add(s.pause)
		return nil
	}
	ok, err := c.system.signal(pid, syscall.SIGKILL)
	if err == nil && ok {
		c.kills[s.target]++
	}
	return err
}

// patience is how long a plugin in its backoff is waited for.
const patience = 2 * time.Second

// find waits for a plugin's process; 0 means that it is in a longer backoff.
func (c *chaos) find(ctx context.Context, name string) (int, error) {
	for end := time.Now().Add(patience); ; {
		pid, err := c.system.plugin(name)
		if err != nil || pid != 0 || time.Now().After(end) {
			return pid, err
		}
		if err := c.rest(ctx, 20*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// killCore kills the core, starts it again at once, kills it again while it
// starts as often as again says, and then waits until it is ready.
func (c *chaos) killCore(ctx context.Context, again []time.Duration) error {
	for i := -1; i < len(again); i++ {
		if i >= 0 {
			if err := c.rest(ctx, again[i]); err != nil {
				return err
			}
		}
		children, err := c.system.Children()
		if err != nil {
			return err
		}
		c.system.Kill()
		c.kills[core]++
		clear(c.paused) // they died with it, stopped or not
		if err := c.system.launch(); err != nil {
			return err
		}
		// F18: while the next core starts already.
		if err := c.system.gone(func(pid int) bool { return children[pid] != "" }); err != nil {
			return err
		}
	}
	return c.system.WaitReady(ctx)
}

// stopCore ends the core with SIGTERM and starts it again. What it had accepted
// waits for the next one; no process may be left (I17).
func (c *chaos) stopCore(ctx context.Context) error {
	if err := c.goOn(time.Now().Add(time.Hour)); err != nil { // all that are paused
		return err
	}
	if err := c.system.Stop(); err != nil {
		return err
	}
	c.stops++
	if err := c.system.gone(func(int) bool { return true }); err != nil {
		return err
	}
	return c.system.start(ctx)
}
