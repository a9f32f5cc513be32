package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/patchbay-io/patchbay/core/engine"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/lab"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/core/stage/dedup"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/rs/zerolog"
)

// dedupResult is what the child process says.
type dedupResult struct {
	MicrosPerKey float64 `json:"us"`
	RSS          int64   `json:"rss"`
}

// dedup measures the dedup stage with its commit at two sizes, each in a process
// of its own, so that memory is the stage's and the journal's alone.
func (b *bench) dedup(ctx context.Context) error {
	small, large := 100_000, 10_000_000
	if b.quick {
		large = 1_000_000
	}
	// The small one is measured before and after the large one: it is the ratio's
	// base, and takes a moment.
	var res [3]dedupResult
	for i, n := range []int{small, large, small} {
		r, err := b.dedupAt(ctx, n)
		if err != nil {
			return err
		}
		res[i] = *r
	}
	base := (res[0].MicrosPerKey + res[2].MicrosPerKey) / 2
	b.add("", figure{"dedup, a key at 100 thousand live keys", base, "µs", "",
		fmt.Sprintf("CPU over 2 million events: lookup, mark, commit, compaction, expiry; 1 in 100 seen before; %.2f and %.2f", res[0].MicrosPerKey, res[2].MicrosPerKey)})
	b.add("", figure{fmt.Sprintf("dedup, a key at %d million live keys", large/1_000_000), res[1].MicrosPerKey, "µs", "", ""})
	b.add("dedup_ratio_10m", figure{"  ratio", res[1].MicrosPerKey / base, "", "<= 2", ""})
	b.add("dedup_rss_mib", figure{"memory there", float64(res[1].RSS) / (1 << 20), "MiB", "< 300", "peak of the process"})
	return nil
}

func (b *bench) dedupAt(ctx context.Context, n int) (*dedupResult, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, exe, "-dedup", strconv.Itoa(n), "-dir", filepath.Join(b.dir, "dedup-"+strconv.Itoa(n)))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("dedup at %d keys: %w", n, err)
	}
	r := new(dedupResult)
	return r, json.Unmarshal(out, r)
}

// dedupMain measures what an event costs the dedup stage while about n identities
// are live: ninety-nine new events to one seen before, in batches of 512. Time
// goes on with the events, so that a window is n events long: identities expire
// as others come, and what is measured is as many events whatever n is.
func dedupMain(dir string, n int) error {
	engine.LimitMemory()
	j, err := journal.Open(journal.Options{Dir: dir, Log: zerolog.Nop()})
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	defer j.Close()
	const window = 168 * time.Hour
	now := time.Now()
	s, err := dedup.New(j, 1, window, func() time.Time { return now })
	if err != nil {
		return err
	}
	const size = 512
	d := &dedupLoad{
		j: j, s: s, rng: rand.New(rand.NewPCG(1, 2)), items: make([]stage.Item, size), events: make([]sdk.Event, size),
		live: uint64(n), now: &now, step: window / time.Duration(n),
	}
	for d.next < uint64(n) {
		if err := d.batch(false); err != nil {
			return err
		}
	}
	// What the filling left to compact is compacted first: it is not the cost of
	// the keys that follow, whose own flushes and compactions are counted.
	// Processor time says more than the wall clock on a machine that is shared.
	for quiet := 0; quiet < 20; quiet++ {
		if j.Metrics().Compacting > 0 {
			quiet = 0
		}
		time.Sleep(50 * time.Millisecond)
	}
	began, first := selfCPU(), d.next
	const rounds = 2_000_000 / size
	for range rounds {
		if err := d.batch(true); err != nil {
			return err
		}
	}
	took := selfCPU() - began
	if want := uint64(rounds * size / 100); d.duplicates < want*9/10 || d.duplicates > want*11/10 || d.next-first < rounds*size-2*want {
		return fmt.Errorf("%d new keys and %d duplicates, want about %d", d.next-first, d.duplicates, want)
	}
	_, peak, err := lab.RSS(os.Getpid())
	if err != nil {
		return err
	}
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	return json.NewEncoder(w).Encode(dedupResult{MicrosPerKey: float64(took.Microseconds()) / float64(rounds*size), RSS: peak})
}

// dedupLoad makes the events that dedupMain measures.
type dedupLoad struct {
	j          *journal.Journal
	s          *dedup.Stage
	rng        *rand.Rand
	items      []stage.Item
	events     []sdk.Event
	next, live uint64
	now        *time.Time
	step       time.Duration // between two events
	duplicates uint64
}

func (d *dedupLoad) batch(repeat bool) error {
	for i := range d.items {
		id := d.next
		if repeat && i%100 == 99 {
			id -= 1 + d.rng.Uint64N(d.live-1) // one that is still remembered
		} else {
			d.next++
			*d.now = d.now.Add(d.step)
		}
		d.events[i] = sdk.Event{Source: "twilio.load", RawOffset: id, ReceivedAt: *d.now}
		binary.BigEndian.PutUint64(d.events[i].ID[:], id*0x9e3779b97f4a7c15)
		d.items[i] = stage.Item{Event: &d.events[i]}
	}
	tx := d.j.Begin()
	if err := d.s.Apply(context.Background(), &stage.Batch{Items: d.items, Tx: tx, Now: *d.now}); err != nil {
		return err
	}
	for i := range d.items {
		if d.items[i].Outcome == journal.Duplicate {
			d.duplicates++
		}
	}
	return tx.Commit(journal.Lazy)
}

// backlog measures core's memory with a million events behind a dead sink.
func (b *bench) backlog(ctx context.Context) error {
	events, size := 1_000_000, 500
	if b.quick {
		events = 100_000
	}
	// A folder that does not exist is a sink that is down.
	s, err := b.start(ctx, "backlog", filepath.Join(b.dir, "no-such-folder", "events.db"))
	if err != nil {
		return err
	}
	defer s.Kill()
	for first := 0; first < events; first += 50 * size {
		bodies := make([][]byte, 50)
		for i := range bodies {
			if bodies[i], err = s.sendgrid.Request(s.Addr, sendgridPath, s.sendgrid.Array(0x5000, first+i*size, size)); err != nil {
				return err
			}
		}
		made := func() lab.Maker { return func(_ []byte, n int) []byte { return bodies[n] } }
		if l, err := lab.ClosedLoop(ctx, s.Addr, 4, len(bodies), made); err != nil || l.OK != int64(len(bodies)) {
			return fmt.Errorf("%v of %d acknowledged: %w\n%s", l.OK, len(bodies), err, s.Log())
		}
	}
	if err := s.staged(ctx, uint64(events)); err != nil {
		return err
	}
	_, peak, err := lab.RSS(s.PID())
	if err != nil {
		return err
	}
	b.add("backlog_rss_mib", figure{fmt.Sprintf("core's memory with %d events behind a dead sink", events), float64(peak) / (1 << 20), "MiB", "< 300", "peak"})
	return nil
}

// staged waits until n entries wait for the sink.
func (s *system) staged(ctx context.Context, n uint64) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	t := time.NewTicker(100 * time.Millisecond)
	defer t.Stop()
	for {
		if got, err := s.waiting(ctx); err == nil && got >= n {
			return nil
		}
		select {
		case <-t.C:
		case <-s.Done():
			return fmt.Errorf("patchbay ended\n%s", s.Log())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
