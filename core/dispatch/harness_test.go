package dispatch

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/staged"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protowire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a clock that only waiting moves: no test sleeps.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clock) timer(d time.Duration) (<-chan time.Time, func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	fired := make(chan time.Time, 1)
	fired <- c.now
	return fired, func() bool { return true }
}

// tb is what *testing.T and *rapid.T have in common.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// write is one call of the sink.
type write struct {
	id     string
	events []*sdk.Event
	at     time.Time
}

func (w write) messages() string {
	s := ""
	for _, e := range w.events {
		s += e.MessageID + ":" + e.StatusCode + " "
	}
	return s
}

// script is a sink that does as it is told.
type script struct {
	bed    *bed
	answer func(ctx context.Context, w write) ([]sdk.Outcome, error)
	writes []write
}

func (s *script) Write(ctx context.Context, parts [][]byte, n int, id, pipeline string) ([]sdk.Outcome, error) {
	w := write{id: id, at: s.bed.clock.Now()}
	for _, p := range parts {
		for len(p) > 0 {
			_, _, tag := protowire.ConsumeTag(p)
			_, length := protowire.ConsumeBytes(p[tag:])
			if tag < 0 || length < 0 {
				s.bed.t.Fatalf("write %s: malformed part", id)
			}
			e, err := staged.Event(p[:tag+length])
			if err != nil {
				s.bed.t.Fatalf("write %s: %v", id, err)
			}
			w.events = append(w.events, e)
			p = p[tag+length:]
		}
	}
	if len(w.events) != n || pipeline != "p" {
		s.bed.t.Errorf("write %s: %d events of %q, said %d of p", id, len(w.events), pipeline, n)
	}
	s.writes = append(s.writes, w)
	if s.answer == nil {
		return make([]sdk.Outcome, n), nil
	}
	return s.answer(ctx, w)
}

// bed is a journal, a dispatcher and a scripted sink.
type bed struct {
	t     tb
	fs    *vfs.MemFS
	clock *clock
	j     *journal.Journal
	log   *journal.Log
	sink  *script
	d     *Dispatcher
	o     Options
	n     int
}

func newBed(t tb, o Options) *bed {
	t.Helper()
	b := &bed{t: t, fs: vfs.NewCrashableMem(), clock: &clock{now: time.Unix(1_800_000_000, 0)}, o: o}
	b.sink = &script{bed: b}
	b.open()
	return b
}

// cleanBed is a bed that is closed with the test.
func cleanBed(t *testing.T, o Options) *bed {
	t.Helper()
	b := newBed(t, o)
	t.Cleanup(b.close)
	return b
}

func (b *bed) close() {
	if err := b.j.Close(); err != nil {
		b.t.Errorf("close: %v", err)
	}
}

func (b *bed) open() {
	b.t.Helper()
	var err error
	b.j, err = journal.Open(journal.Options{
		Dir: "j", FS: b.fs, Log: zerolog.Nop(), CacheBytes: 1 << 20, MemTableBytes: 1 << 20,
		Now: b.clock.Now, Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		b.t.Fatalf("open: %v", err)
	}
	if b.log, err = b.j.Log(journal.StagedIn, "p"); err != nil {
		b.t.Fatalf("log: %v", err)
	}
	o := b.o
	o.Pipeline, o.SinkName, o.Journal, o.Staged, o.Sink = "p", "test.sink", b.j, b.log, b.sink
	o.Log, o.Now = zerolog.Nop(), b.clock.Now
	if o.Number, err = b.j.SinkNumber("test.sink"); err != nil {
		b.t.Fatalf("number: %v", err)
	}
	if b.d, err = New(o); err != nil {
		b.t.Fatalf("new: %v", err)
	}
	b.d.timer = b.clock.timer
}

// restart opens fs as after the end of the process.
func (b *bed) restart(fs *vfs.MemFS) {
	b.t.Helper()
	b.close()
	b.fs = fs
	b.open()
}

// stage stages one event for each message; the event's StatusCode is its number.
func (b *bed) stage(messages ...string) {
	b.t.Helper()
	tx := b.j.Begin()
	var entries []journal.Entry
	for _, m := range messages {
		e := &sdk.Event{
			ID: sdk.ID{byte(b.n), byte(b.n >> 8), byte(b.n >> 16), 1}, MessageID: m, StatusCode: fmt.Sprint(b.n),
			Type: sdk.Delivered, Channel: sdk.SMS, Source: "s", RawOffset: uint64(b.n),
		}
		b.n++
		meta := staged.Meta{Targets: []uint32{b.d.o.Number}, Channel: uint8(sdk.SMS), Type: uint8(sdk.Delivered)}
		for _, c := range m {
			meta.Order = meta.Order*31 + uint64(c)
		}
		body, _ := staged.AppendEvent(nil, e, nil)
		entries = append(entries, journal.Entry{Meta: meta.Append(nil), Body: body})
		tx.Count(meta.Row(journal.ScopeSink, "test.sink", "p", journal.Addressed), 1)
	}
	tx.Append(b.log, entries, nil)
	if err := tx.Commit(journal.Durable); err != nil {
		b.t.Fatalf("stage: %v", err)
	}
}

// note stages entries that go nowhere.
func (b *bed) note(n int) {
	b.t.Helper()
	tx := b.j.Begin()
	meta := staged.Meta{Note: &staged.Note{Outcome: journal.Duplicate, By: "dedup"}}
	entries := make([]journal.Entry, n)
	for i := range entries {
		entries[i].Meta = meta.Append(nil)
	}
	tx.Append(b.log, entries, nil)
	if err := tx.Commit(journal.Durable); err != nil {
		b.t.Fatalf("note: %v", err)
	}
}

func (b *bed) drained() bool { return b.j.Cursor(b.d.cursor).Offset == b.log.Tail() }

// turn lets the dispatcher do one thing.
func (b *bed) turn(ctx context.Context) {
	b.t.Helper()
	if err := b.d.turn(ctx); err != nil && ctx.Err() == nil {
		b.t.Fatalf("turn: %v", err)
	}
}

// drain lets the dispatcher work until everything has its terminal state.
func (b *bed) drain() {
	b.t.Helper()
	for range 20000 {
		if b.drained() {
			return
		}
		b.turn(context.Background())
	}
	b.t.Fatalf("not drained: %+v", b.d.Status())
}

func (b *bed) count(o journal.Outcome) (n int64) {
	for _, c := range b.j.Ledger() {
		if c.Scope == journal.ScopeSink && c.Name == "test.sink" && c.Outcome == o {
			n += c.N
		}
	}
	return n
}

// balanced proves I3 for the sink's account.
func (b *bed) balanced() {
	b.t.Helper()
	addressed, delivered, dead := b.count(journal.Addressed), b.count(journal.Delivered), b.count(journal.DeadLettered)
	if delivered+dead != addressed || addressed != int64(b.n) {
		b.t.Errorf("I3: %d staged, %d addressed, %d delivered, %d dead letters", b.n, addressed, delivered, dead)
	}
}

func (b *bed) deadLetters() (out []*journal.DeadLetter) {
	b.t.Helper()
	if err := b.j.DeadLetters(0, func(d *journal.DeadLetter) bool { out = append(out, d); return true }); err != nil {
		b.t.Fatalf("dead letters: %v", err)
	}
	return out
}

func retry(n int, which ...int) []sdk.Outcome {
	out := make([]sdk.Outcome, n)
	for _, i := range which {
		out[i] = sdk.Outcome{Kind: sdk.OutcomeRetry, Reason: "later"}
	}
	return out
}
