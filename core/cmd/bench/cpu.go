package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/lab"
)

// drained waits until no stored request and no staged event waits.
func (s *system) drained(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	t := time.NewTicker(50 * time.Millisecond)
	defer t.Stop()
	for {
		n, err := s.waiting(ctx)
		if err == nil && n == 0 {
			return nil
		}
		select {
		case <-t.C:
		case <-s.Done():
			return fmt.Errorf("patchbay ended\n%s", s.Log())
		case <-ctx.Done():
			return fmt.Errorf("%d still wait: %w", n, ctx.Err())
		}
	}
}

// waiting is the backlog of all lanes and sinks.
func (s *system) waiting(ctx context.Context) (uint64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Admin+"/api/v1/status", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var st lab.Status
	if err := json.NewDecoder(resp.Body).Decode(&st); err != nil {
		return 0, err
	}
	return st.Waiting(), nil
}

// settled waits until core and its plugins rest. What flushes and compactions cost
// belongs to the events that made them necessary, not to those that follow.
func (s *system) settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	const step, rests = 100 * time.Millisecond, 3
	t := time.NewTicker(step)
	defer t.Stop()
	var last time.Duration
	for quiet := 0; quiet < rests; {
		core, plugins, err := s.CPU()
		if err != nil {
			return err
		}
		now := core
		for _, d := range plugins {
			now += d
		}
		if quiet++; now-last > step/10 {
			quiet = 0
		}
		last = now
		select {
		case <-t.C:
		case <-ctx.Done():
			return fmt.Errorf("core does not come to rest: %w", ctx.Err())
		}
	}
	return nil
}

// cpuRounds is how often each cost is measured, in turn; the median counts.
const cpuRounds = 3

// cpu measures what an event costs from the request to its row, all processes
// together, for single requests and for arrays.
func (b *bench) cpu(ctx context.Context) error {
	singles, arrays := 30000, 150
	if b.quick {
		singles, arrays = 3000, 15
	}
	s, err := b.start(ctx, "cpu", "")
	if err != nil {
		return err
	}
	defer s.Kill()
	// A first batch of each kind, not counted: connections, caches, tables.
	if _, err := lab.ClosedLoop(ctx, s.Addr, 64, 2000, s.twilio(s.Addr, 0x3000)); err != nil {
		return err
	}
	if err := s.facts.Wait(ctx, 2000); err != nil {
		return fmt.Errorf("%w\n%s", err, s.Log())
	}
	var bare, one, many []*cost
	for round := range cpuRounds {
		c, err := b.bareCost(ctx, s, singles)
		if err != nil {
			return err
		}
		bare = append(bare, c)
		if c, err = b.cost(ctx, s, singles, 1, s.twilio(s.Addr, uint32(0x3001+round)), 256); err != nil {
			return err
		}
		one = append(one, c)
		const size = 500
		bodies := make([][]byte, arrays)
		for i := range bodies {
			if bodies[i], err = s.sendgrid.Request(s.Addr, sendgridPath, s.sendgrid.Array(0x4000, (round*arrays+i)*size, size)); err != nil {
				return err
			}
		}
		made := func() lab.Maker { return func(_ []byte, n int) []byte { return bodies[n] } }
		if c, err = b.cost(ctx, s, arrays, size, made, 4); err != nil {
			return err
		}
		many = append(many, c)
	}
	c, _ := middle(bare)
	b.add("cpu_us_bare", figure{"CPU of a request to the bare handler", c.all, "µs", "", fmt.Sprintf("control: server %.1f, generator %.1f", c.core, c.generator)})
	b.report("cpu_us_single", "an event in a request of its own", one, 90)
	b.report("cpu_us_array", "an event in an array of 500", many, 35)
	return nil
}

// bareCost measures the control: what a request costs that is only read and
// answered, with the same generator.
func (b *bench) bareCost(ctx context.Context, s *system, requests int) (*cost, error) {
	bare, err := startNull()
	if err != nil {
		return nil, err
	}
	defer bare.stop()
	self0 := selfCPU()
	if _, err := lab.ClosedLoop(ctx, bare.addr, 256, requests, s.twilio(bare.addr, 0)); err != nil {
		return nil, err
	}
	self := selfCPU() - self0
	server, err := lab.ProcessCPU(bare.pid)
	if err != nil {
		return nil, err
	}
	us := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(requests) }
	return &cost{generator: us(self), core: us(server), all: us(server + self)}, nil
}

// cost is processor time an event, in microseconds.
type cost struct {
	generator, core, all float64
	plugins              map[string]float64
	rate                 float64
}

func (b *bench) cost(ctx context.Context, s *system, requests, each int, maker func() lab.Maker, conns int) (*cost, error) {
	had, err := s.facts.Count()
	if err != nil {
		return nil, err
	}
	core0, plug0, err := s.CPU()
	if err != nil {
		return nil, err
	}
	self0, began := selfCPU(), time.Now()
	l, err := lab.ClosedLoop(ctx, s.Addr, conns, requests, maker)
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, s.Log())
	}
	if l.OK != int64(requests) {
		return nil, fmt.Errorf("%d of %d requests were acknowledged: %v\n%s", l.OK, requests, l.Statuses, s.Log())
	}
	self := selfCPU() - self0 // waiting for the sink below is not the generator's work
	want := had + int64(requests*each)
	waitCtx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := s.facts.Wait(waitCtx, want); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, s.Log())
	}
	took := time.Since(began)
	if err := s.drained(ctx); err != nil {
		return nil, err
	}
	if err := s.settled(ctx); err != nil {
		return nil, err
	}
	core1, plug1, err := s.CPU()
	if err != nil {
		return nil, err
	}
	n := float64(requests * each)
	us := func(d time.Duration) float64 { return float64(d.Microseconds()) / n }
	c := &cost{generator: us(self), core: us(core1 - core0), plugins: map[string]float64{}, rate: n / took.Seconds()}
	c.all = c.generator + c.core
	for name, d := range plug1 {
		c.plugins[name] = us(d - plug0[name])
		c.all += c.plugins[name]
	}
	return c, nil
}

// middle is the median of several measurements, and their range.
func middle(cs []*cost) (median *cost, spread string) {
	slices.SortFunc(cs, func(x, y *cost) int { return cmp.Compare(x.all, y.all) })
	return cs[len(cs)/2], fmt.Sprintf("rounds %.1f to %.1f", cs[0].all, cs[len(cs)-1].all)
}

func (b *bench) report(key, what string, cs []*cost, target float64) {
	c, spread := middle(cs)
	var parts []string
	for name, v := range c.plugins {
		if v >= 0.05 {
			parts = append(parts, fmt.Sprintf("%s %.1f", strings.TrimPrefix(name, "patchbay-plugin-"), v))
		}
	}
	sort.Strings(parts)
	note := fmt.Sprintf("core %.1f, %s, generator %.1f; %s; %.0f events/s", c.core, strings.Join(parts, ", "), c.generator, spread, c.rate)
	b.add(key, figure{"CPU of " + what + ", to SQLite", c.all, "µs", fmt.Sprintf("<= %.0f", target), note})
	b.out[key+"_core"], b.out[key+"_generator"] = round(c.core), round(c.generator)
}
