package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/rs/zerolog"
)

// The crash tests run one scripted workload on a file system that forgets what
// was not synced, take a copy of it at every operation that writes, and open
// each copy as a restart would. What the copy must hold is known from an oracle
// that outlives the crash.

const (
	t1Dir      = "data/journal"
	t1Pipeline = "p"
	t1Source   = "twilio.support"
	t1Lane     = "lane/p/twilio.support"
	t1Sink     = "sink/p/kafka.stream"
)

var t1Raw = []string{"twilio.support", "sendgrid.marketing"}

// t1Body is the body of append i of goroutine g: it can be told from its first
// line, and made again to compare it byte for byte.
func t1Body(log string, g, i int) []byte {
	rng := rand.New(rand.NewPCG(uint64(g), uint64(i)))
	size := rng.IntN(600)
	if rng.IntN(12) == 0 {
		size = 40 << 10 // now and then more than a WAL block
	}
	b := fmt.Appendf(nil, "%s %d %d\n", log, g, i)
	for range size {
		b = append(b, byte(rng.Uint32()))
	}
	return b
}

// t1Entries is how many entries step s stages.
func t1Entries(s int) int { return 1 + s%3 }

// t1Staged is how many entries the first n steps stage.
func t1Staged(n int) uint64 {
	total := 0
	for s := range n {
		total += t1Entries(s)
	}
	return uint64(total)
}

func t1StepBody(s, e int) []byte { return fmt.Appendf(nil, "step %d entry %d", s, e) }

// t1Dead reports whether step s makes a dead letter.
func t1Dead(s int) bool { return s%4 == 1 }

type t1Ack struct {
	log    string
	offset uint64
	g, i   int
	body   string // of a read; empty for an append, whose body is known
}

// t1Oracle is what the outside world knows. Its lists only grow, so that a crash
// point remembers lengths.
type t1Oracle struct {
	mu        sync.Mutex
	acked     []t1Ack
	seen      []t1Ack
	steps     int // acknowledged steps of the lane
	delivered uint64
	trimmed   map[string]uint64 // below that, entries may be gone
}

// t1Logs are the open logs whose tails a reader could see.
type t1Logs struct{ logs []*Log }

// t1Point is one possible state of the disk after a crash, with what must be in it.
type t1Point struct {
	op        int
	keep      int // percent of what was not synced
	fs        *vfs.MemFS
	acked     int
	seen      int
	steps     int
	delivered uint64
	trimmed   map[string]uint64
	tails     map[string]uint64
}

// t1Run is one run of the workload.
type t1Run struct {
	t       testing.TB
	mem     *vfs.MemFS
	oracle  t1Oracle
	logs    atomic.Pointer[t1Logs]
	seed    uint64
	stride  int
	appends int

	hook   sync.Mutex
	rng    *rand.Rand
	ops    int
	points chan t1Point
}

// t1Keep are the parts of unsynced data that survive.
var t1Keep = []int{0, 10, 50, 100}

// MaybeError implements errorfs.Injector: it makes no errors, it takes copies.
func (r *t1Run) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
		return nil
	}
	r.hook.Lock()
	defer r.hook.Unlock()
	r.ops++
	if (uint64(r.ops)+r.seed)%uint64(r.stride) != 0 {
		return nil
	}
	p := r.snapshot()
	for _, keep := range t1Keep {
		p.keep = keep
		p.fs = r.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: keep, RNG: r.rng})
		// What was trimmed meanwhile may be gone.
		p.trimmed = r.trimmed()
		r.points <- p
	}
	return nil
}

// snapshot is taken before the copy: what it promises must be in the copy.
func (r *t1Run) snapshot() t1Point {
	r.oracle.mu.Lock()
	defer r.oracle.mu.Unlock()
	p := t1Point{
		op: r.ops, acked: len(r.oracle.acked), seen: len(r.oracle.seen), steps: r.oracle.steps,
		delivered: r.oracle.delivered, tails: map[string]uint64{},
	}
	if l := r.logs.Load(); l != nil {
		for _, l := range l.logs {
			p.tails[l.name] = l.Tail()
		}
	}
	return p
}

func (r *t1Run) trimmed() map[string]uint64 {
	r.oracle.mu.Lock()
	defer r.oracle.mu.Unlock()
	return maps.Clone(r.oracle.trimmed)
}

func (r *t1Run) String() string { return "t1" }

func (r *t1Run) options(fs vfs.FS) Options {
	return Options{
		Dir: t1Dir, FS: fs, Log: zerolog.Nop(), CacheBytes: 1 << 20, MemTableBytes: 96 << 10,
		Now:   func() time.Time { return time.Unix(1_800_000_000, 0) },
		Fatal: func(err error) { panic(err) },
	}
}

// run runs the workload: twice open, work, close.
func (r *t1Run) run() {
	defer close(r.points)
	fs := errorfs.Wrap(crashable{r.mem}, r)
	for phase := range 2 {
		j, err := Open(r.options(fs))
		if err != nil {
			r.t.Errorf("open in phase %d: %v", phase, err)
			return
		}
		r.work(j, phase)
		if err := j.Close(); err != nil {
			r.t.Errorf("close in phase %d: %v", phase, err)
		}
	}
}

// crashable can be cloned at any time. MemFS itself takes its lock for reading
// twice in ReuseForWrite, and so waits for ever when a clone wants it in between.
type crashable struct{ *vfs.MemFS }

func (fs crashable) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := fs.Rename(old, name); err != nil {
		return nil, err
	}
	return fs.OpenReadWrite(name, c)
}

func (r *t1Run) work(j *Journal, phase int) {
	logs := &t1Logs{}
	for _, name := range t1Raw {
		l, err := j.Log(Raw, name)
		if err != nil {
			r.t.Errorf("log %s: %v", name, err)
			return
		}
		logs.logs = append(logs.logs, l)
	}
	out, err := j.Log(StagedIn, t1Pipeline)
	if err != nil {
		r.t.Errorf("staged log: %v", err)
		return
	}
	r.logs.Store(&t1Logs{append(logs.logs, out)})
	var writers, reader sync.WaitGroup
	for g := range 5 {
		writers.Add(1)
		go func() {
			defer writers.Done()
			r.append(logs.logs[g%2], g, phase)
		}()
	}
	writers.Add(1)
	go func() {
		defer writers.Done()
		r.step(j, logs.logs[0], out, phase)
	}()
	stop := make(chan struct{})
	reader.Add(1)
	go func() {
		defer reader.Done()
		r.read(logs.logs[0], stop)
	}()
	writers.Wait()
	close(stop)
	reader.Wait()
}

func (r *t1Run) append(l *Log, g, phase int) {
	for i := phase * r.appends; i < (phase+1)*r.appends; i++ {
		off, err := l.Append(t1Body(l.name, g, i))
		if err != nil {
			r.t.Errorf("append %d of %d: %v", i, g, err)
			return
		}
		r.oracle.mu.Lock()
		r.oracle.acked = append(r.oracle.acked, t1Ack{log: l.name, offset: off, g: g, i: i})
		r.oracle.mu.Unlock()
	}
}

// step commits the steps of a lane, and the cursor of a sink behind them.
func (r *t1Run) step(j *Journal, raw, out *Log, phase int) {
	for s := phase * r.appends; s < (phase+1)*r.appends; s++ {
		tx := j.Begin()
		var entries []Entry
		for e := range t1Entries(s) {
			entries = append(entries, Entry{Meta: []byte{byte(s)}, Body: t1StepBody(s, e)})
			tx.Mark(out.id, uint32(s/8), j.HashIdentity(string(t1StepBody(s, e))), []byte{byte(e)})
		}
		tx.Append(out, entries, fmt.Appendf(nil, "summary %d", s))
		if t1Dead(s) {
			tx.DeadLetter(&DeadLetter{State: DeadOpen, Pipeline: t1Pipeline, Source: t1Source, EventID: fmt.Sprint(s)})
		}
		tx.Count(Row{Scope: ScopePipeline, Name: t1Pipeline, Source: t1Source, Outcome: Staged}, int64(len(entries)))
		tx.SetCursor(t1Lane, Cursor{Offset: uint64(s) + 1, Extra: fmt.Appendf(nil, "after %d", s)})
		if err := tx.Commit(Durable); err != nil {
			r.t.Errorf("step %d: %v", s, err)
			return
		}
		r.oracle.mu.Lock()
		r.oracle.steps = s + 1
		r.oracle.mu.Unlock()
		if s%2 == 0 {
			r.deliver(j, s)
		}
		if s%7 == 6 {
			r.trim(raw)
		}
	}
}

// deliver moves the sink's cursor to what is staged, lazily two times of three.
func (r *t1Run) deliver(j *Journal, s int) {
	done := t1Staged(s + 1)
	before := j.Cursor(t1Sink).Offset
	tx := j.Begin()
	tx.Count(Row{Scope: ScopeSink, Name: "kafka.stream", Source: t1Pipeline, Outcome: Delivered}, int64(done-before))
	tx.Batch(t1Sink, before, fmt.Append(nil, done))
	tx.SetCursor(t1Sink, Cursor{Offset: done})
	durability := Lazy
	if s%3 == 0 {
		durability = Durable
	}
	if err := tx.Commit(durability); err != nil {
		r.t.Errorf("deliver after step %d: %v", s, err)
		return
	}
	if durability == Durable {
		r.oracle.mu.Lock()
		r.oracle.delivered = done
		r.oracle.mu.Unlock()
	}
}

func (r *t1Run) trim(l *Log) {
	upTo := l.Tail() / 2
	r.oracle.mu.Lock()
	r.oracle.trimmed[l.name] = upTo
	r.oracle.mu.Unlock()
	if _, err := l.Trim(context.Background(), upTo, time.Unix(1<<40, 0)); err != nil {
		r.t.Errorf("trim: %v", err)
	}
}

// read follows a log as a lane does and remembers what it saw.
func (r *t1Run) read(l *Log, stop <-chan struct{}) {
	from := l.Tail()
	for {
		es, err := l.Read(from, 16, 1<<20)
		if errors.Is(err, ErrTrimmed) {
			from = l.Tail()
			continue
		}
		if err != nil {
			r.t.Errorf("read at %d: %v", from, err)
			return
		}
		r.oracle.mu.Lock()
		for _, e := range es {
			r.oracle.seen = append(r.oracle.seen, t1Ack{log: l.name, offset: e.Offset, body: string(e.Body)})
		}
		r.oracle.mu.Unlock()
		if len(es) > 0 {
			from = es[len(es)-1].Offset + 1
			continue
		}
		select {
		case <-l.Changed(from):
		case <-stop:
			return
		}
	}
}

// t1Header reads back which append a body belongs to.
func t1Header(body []byte) (log string, g, i int, err error) {
	line, _, _ := strings.Cut(string(body[:min(len(body), 100)]), "\n")
	_, err = fmt.Sscanf(line, "%s %d %d", &log, &g, &i)
	return log, g, i, err
}
