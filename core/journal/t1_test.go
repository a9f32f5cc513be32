package journal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// long asks for the exhaustive variants.
var long = os.Getenv("PATCHBAY_LONG") != ""

// t1Seed is the seed of the random choices; PATCHBAY_SEED repeats a failure.
func t1Seed(t testing.TB) uint64 {
	if s := os.Getenv("PATCHBAY_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("PATCHBAY_SEED: %v", err)
		}
		return n
	}
	return rand.Uint64()
}

// TestT1CrashAtEveryWrite proves I1, I2, I7 and I9 across a power failure at any
// operation of the file system (F01, F02, F03).
func TestT1CrashAtEveryWrite(t *testing.T) {
	t.Parallel()
	stride, appends := 8, 24
	if long {
		stride, appends = 1, 24
	}
	seed := t1Seed(t)
	t.Logf("seed %d", seed)
	r := &t1Run{
		t: t, mem: vfs.NewCrashableMem(), seed: seed, stride: stride, appends: appends,
		rng: rand.New(rand.NewPCG(seed, 1)), points: make(chan t1Point, 2),
	}
	r.oracle.trimmed = map[string]uint64{}
	go r.run()
	var checked, failed atomic.Int64
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for p := range r.points {
				checked.Add(1)
				if failed.Load() > 3 {
					continue // enough to see what is wrong; the workload must still end
				}
				if err := r.check(p); err != nil {
					failed.Add(1)
					t.Errorf("seed %d, crash before write %d, %d%% of unsynced data kept: %v", seed, p.op, p.keep, err)
				}
			}
		}()
	}
	wg.Wait()
	t.Logf("%d crash states of %d writes checked", checked.Load(), r.ops)
	if checked.Load() < 100 {
		t.Errorf("crash states: got %d, want at least 100", checked.Load())
	}
}

// check opens the state as a restart would and compares it with the oracle.
func (r *t1Run) check(p t1Point) (err error) {
	j, err := Open(r.options(p.fs))
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	r.oracle.mu.Lock()
	acked, seen := r.oracle.acked[:p.acked], r.oracle.seen[:p.seen]
	r.oracle.mu.Unlock()
	for _, name := range t1Raw {
		if err := r.checkRaw(j, p, name, acked, seen); err != nil {
			return fmt.Errorf("raw log %s: %w", name, err)
		}
	}
	if err := r.checkSteps(j, p); err != nil {
		return fmt.Errorf("steps: %w", err)
	}
	return r.checkSink(j, p)
}

func ledgerCount(j *Journal, row Row) int64 {
	for _, c := range j.Ledger() {
		if c.Row == row {
			return c.N
		}
	}
	return 0
}

func (r *t1Run) checkRaw(j *Journal, p t1Point, name string, acked, seen []t1Ack) error {
	l, err := j.Log(Raw, name)
	if err != nil {
		return err
	}
	first, err := l.First()
	if err != nil {
		return err
	}
	// I2: what a reader could see is still there.
	if l.Tail() < p.tails[name] {
		return fmt.Errorf("I2: tail %d, was published up to %d", l.Tail(), p.tails[name])
	}
	if first > p.trimmed[name] {
		return fmt.Errorf("first is %d, trimmed only up to %d", first, p.trimmed[name])
	}
	if got := ledgerCount(j, Row{Scope: ScopeRaw, Name: name, Outcome: Stored}); got != int64(l.Tail()) {
		return fmt.Errorf("ledger says %d stored, tail is %d", got, l.Tail())
	}
	bodies, err := r.readAll(l, first)
	if err != nil {
		return err
	}
	for _, a := range acked {
		if a.log != name || a.offset < first {
			continue
		}
		if got, want := bodies[a.offset], t1Body(name, a.g, a.i); !bytes.Equal(got, want) {
			return fmt.Errorf("I1: acknowledged append %d/%d at offset %d: got %d bytes %.40q, want %d", a.g, a.i, a.offset, len(got), got, len(want))
		}
	}
	for _, a := range seen {
		if a.log == name && a.offset >= first && string(bodies[a.offset]) != a.body {
			return fmt.Errorf("I2: offset %d was read as %.40q, now %.40q", a.offset, a.body, bodies[a.offset])
		}
	}
	return nil
}

// readAll reads a raw log: gap free, every body one that was sent, none twice,
// those of one sender in its order.
func (r *t1Run) readAll(l *Log, first uint64) (map[uint64][]byte, error) {
	out := map[uint64][]byte{}
	last := map[int]int{}
	for from := first; from < l.Tail(); {
		es, err := l.Read(from, 100, 1<<20)
		if err != nil || len(es) == 0 {
			return nil, fmt.Errorf("read at %d of %d: %d entries, %w", from, l.Tail(), len(es), err)
		}
		for _, e := range es {
			if e.Offset != from {
				return nil, fmt.Errorf("offset %d follows %d", e.Offset, from)
			}
			name, g, i, err := t1Header(e.Body)
			if err != nil || name != l.name || !bytes.Equal(e.Body, t1Body(name, g, i)) {
				return nil, fmt.Errorf("offset %d: %.40q was never sent here (%v)", e.Offset, e.Body, err)
			}
			if before, ok := last[g]; ok && before >= i {
				return nil, fmt.Errorf("offset %d: append %d of %d follows %d", e.Offset, i, g, before)
			}
			last[g] = i
			out[e.Offset] = e.Body
			from++
		}
	}
	return out, nil
}

// checkSteps proves I7: for each step, everything of it or nothing.
func (r *t1Run) checkSteps(j *Journal, p t1Point) error {
	out, err := j.Log(StagedIn, t1Pipeline)
	if err != nil {
		return err
	}
	c := j.Cursor(t1Lane)
	n := int(c.Offset)
	if n < p.steps || n > 2*r.appends {
		return fmt.Errorf("cursor says %d steps, %d were acknowledged", n, p.steps)
	}
	if want := fmt.Sprintf("after %d", n-1); n > 0 && string(c.Extra) != want {
		return fmt.Errorf("cursor's extra: got %q, want %q", c.Extra, want)
	}
	if got, want := out.Tail(), t1Staged(n); got != want {
		return fmt.Errorf("I7: cursor says %d steps, staged tail is %d, want %d", n, got, want)
	}
	if got := ledgerCount(j, Row{Scope: ScopePipeline, Name: t1Pipeline, Source: t1Source, Outcome: Staged}); got != int64(t1Staged(n)) {
		return fmt.Errorf("I7: ledger says %d staged, want %d", got, t1Staged(n))
	}
	if err := checkStaged(out, n); err != nil {
		return err
	}
	if err := r.checkMarks(j, out, n); err != nil {
		return err
	}
	var dead []string
	if err := j.DeadLetters(0, func(d *DeadLetter) bool { dead = append(dead, d.EventID); return true }); err != nil {
		return err
	}
	var want []string
	for s := range n {
		if t1Dead(s) {
			want = append(want, fmt.Sprint(s))
		}
	}
	if fmt.Sprint(dead) != fmt.Sprint(want) {
		return fmt.Errorf("I7: dead letters of steps %v, want %v", dead, want)
	}
	return nil
}

func checkStaged(out *Log, n int) error {
	off := uint64(0)
	for s := range n {
		es, err := out.Read(off, t1Entries(s), 1<<20)
		if err != nil || len(es) != t1Entries(s) {
			return fmt.Errorf("I7: step %d: %d entries, %w", s, len(es), err)
		}
		for e := range es {
			if want := t1StepBody(s, e); !bytes.Equal(es[e].Body, want) || es[e].Meta[0] != byte(s) {
				return fmt.Errorf("I7: step %d: got %q, want %q", s, es[e].Body, want)
			}
		}
		off += uint64(len(es))
	}
	s := n
	var wrong error
	err := out.Summaries(func(base uint64, v []byte) bool {
		s--
		if want := fmt.Sprintf("summary %d", s); string(v) != want || base != t1Staged(s) {
			wrong = fmt.Errorf("I7: summary at %d: got %q, want %q at %d", base, v, want, t1Staged(s))
		}
		return wrong == nil
	})
	if wrong == nil && s != 0 {
		wrong = fmt.Errorf("I7: %d of %d summaries", n-s, n)
	}
	return errors.Join(err, wrong)
}

func (r *t1Run) checkMarks(j *Journal, out *Log, n int) error {
	buckets, err := j.Buckets(out.id)
	if err != nil {
		return err
	}
	var asks []Ask
	var of []int // the step that made each mark
	mark := 0
	var marks []int // of each question
	for s := range 2 * r.appends {
		for e := range t1Entries(s) {
			h := j.HashIdentity(string(t1StepBody(s, e)))
			for _, b := range buckets {
				asks, marks = append(asks, Ask{b, h}), append(marks, mark)
			}
			of = append(of, s)
			mark++
		}
	}
	found := map[int]bool{}
	if err := j.Marks(out.id, asks, func(i int, _ []byte) { found[marks[i]] = true }); err != nil {
		return err
	}
	for i := range of {
		if found[i] != (of[i] < n) {
			return fmt.Errorf("I7: mark of step %d: there %v, with %d steps committed", of[i], found[i], n)
		}
	}
	return nil
}

// checkSink proves I9 and that a lazy commit is as atomic as any other.
func (r *t1Run) checkSink(j *Journal, p t1Point) error {
	out, err := j.Log(StagedIn, t1Pipeline)
	if err != nil {
		return err
	}
	c := j.Cursor(t1Sink).Offset
	if c > out.Tail() {
		return fmt.Errorf("I9: the sink's cursor is %d, staged up to %d", c, out.Tail())
	}
	if c < p.delivered {
		return fmt.Errorf("I9: the sink's cursor is %d, durable was %d", c, p.delivered)
	}
	if got := ledgerCount(j, Row{Scope: ScopeSink, Name: "kafka.stream", Source: t1Pipeline, Outcome: Delivered}); got != int64(c) {
		return fmt.Errorf("I7: ledger says %d delivered, cursor %d", got, c)
	}
	end := uint64(0)
	err = j.Batches(t1Sink, 0, func(_ uint64, v []byte) bool {
		end, _ = strconv.ParseUint(string(v), 10, 64)
		return true
	})
	if err == nil && end != c {
		return fmt.Errorf("I7: the last batch ends at %d, cursor %d", end, c)
	}
	return err
}
