package journal

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

// model is what a journal holds, told simply.
type model struct {
	raw, staged []string
	first       uint64 // of raw
	cursors     map[string]uint64
	counts      map[Row]int64
	marks       map[Hash]bool
	dead        int
}

func (m *model) copy() *model {
	c := *m
	c.cursors, c.counts, c.marks = maps.Clone(m.cursors), maps.Clone(m.counts), maps.Clone(m.marks)
	return &c
}

// TestModel runs random commands, power failures among them, against a model.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{t: t, fs: vfs.NewCrashableMem(), durable: &model{
			cursors: map[string]uint64{}, counts: map[Row]int64{}, marks: map[Hash]bool{},
		}}
		m.start()
		defer func() { _ = m.j.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"append": m.append, "step": m.step, "lazy": m.lazyCursor, "trim": m.trim, "reopen": m.reopen, "crash": m.crash, "": m.check,
		})
	})
}

type machine struct {
	t       *rapid.T
	fs      *vfs.MemFS
	j       *Journal
	raw     *Log
	out     *Log
	durable *model // what survives any crash
	lazy    []func(*model)
	serial  int
}

// now is the model as a reader sees it.
func (m *machine) now() *model {
	c := m.durable.copy()
	for _, f := range m.lazy {
		f(c)
	}
	return c
}

// settle: a later sync keeps everything before it.
func (m *machine) settle() { m.durable, m.lazy = m.now(), nil }

func (m *machine) start() {
	var err error
	if m.j, err = Open(memOptions(m.fs)); err != nil {
		m.t.Fatalf("open: %v", err)
	}
	if m.raw, err = m.j.Log(Raw, "s"); err == nil {
		m.out, err = m.j.Log(StagedIn, "p")
	}
	if err != nil {
		m.t.Fatalf("log: %v", err)
	}
}

func (m *machine) append(t *rapid.T) {
	m.serial++
	body := fmt.Sprintf("raw %d %s", m.serial, rapid.StringN(0, 20, 40).Draw(t, "body"))
	off, err := m.raw.Append([]byte(body))
	if err != nil || off != uint64(len(m.now().raw)) {
		t.Fatalf("append: offset %d, %v, want %d", off, err, len(m.now().raw))
	}
	m.settle()
	m.durable.raw = append(m.durable.raw, body)
	m.durable.counts[Row{Scope: ScopeRaw, Name: "s", Outcome: Stored}]++
}

func (m *machine) step(t *rapid.T) {
	m.settle()
	d := m.durable
	take := rapid.IntRange(0, len(d.raw)-int(d.cursors["lane"])).Draw(t, "take")
	tx := m.j.Begin()
	var entries []Entry
	for range take {
		m.serial++
		body := fmt.Sprintf("event %d", m.serial)
		entries = append(entries, Entry{Body: []byte(body)})
		h := m.j.HashIdentity(body)
		tx.Mark(1, uint32(m.serial%3), h, nil)
		d.marks[h] = true
		d.staged = append(d.staged, body)
	}
	tx.Append(m.out, entries, nil)
	row := Row{Scope: ScopePipeline, Name: "p", Outcome: Staged}
	tx.Count(row, int64(take))
	if take > 0 {
		d.counts[row] += int64(take)
	}
	if rapid.Bool().Draw(t, "dead") {
		tx.DeadLetter(&DeadLetter{State: DeadOpen})
		d.dead++
	}
	d.cursors["lane"] += uint64(take)
	tx.SetCursor("lane", Cursor{Offset: d.cursors["lane"]})
	if err := tx.Commit(Durable); err != nil {
		t.Fatalf("step: %v", err)
	}
}

func (m *machine) lazyCursor(t *rapid.T) {
	now := m.now()
	to := rapid.Uint64Range(now.cursors["sink"], uint64(len(now.staged))).Draw(t, "to")
	tx := m.j.Begin()
	row := Row{Scope: ScopeSink, Name: "k", Outcome: Delivered}
	n := int64(to - now.cursors["sink"])
	if n > 0 {
		tx.Count(row, n)
	}
	tx.SetCursor("sink", Cursor{Offset: to})
	if err := tx.Commit(Lazy); err != nil {
		t.Fatalf("lazy step: %v", err)
	}
	m.lazy = append(m.lazy, func(c *model) {
		if n > 0 {
			c.counts[row] += n
		}
		c.cursors["sink"] = to
	})
}

func (m *machine) trim(t *rapid.T) {
	to := rapid.Uint64Range(0, uint64(len(m.durable.raw))).Draw(t, "to")
	keep, err := m.raw.Trim(context.Background(), to, time.Now().Add(time.Hour))
	if err != nil || keep > max(to, m.now().first) {
		t.Fatalf("trim to %d: kept from %d, %v", to, keep, err)
	}
	m.lazy = append(m.lazy, func(c *model) { c.first = max(c.first, keep) })
}

func (m *machine) reopen(t *rapid.T) {
	if err := m.j.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	// A clean end keeps what was written lazily.
	m.start()
	m.settle()
}

// crash loses what was not synced, or a part of it. Of the lazy steps any number
// may be left, but the first ones, whole.
func (m *machine) crash(t *rapid.T) {
	keep := rapid.SampledFrom([]int{0, 30, 100}).Draw(t, "keep")
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	next := m.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: keep, RNG: rng})
	if err := m.j.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	m.fs = next
	m.start()
	lazy := m.lazy
	for n := len(lazy); ; n-- {
		m.lazy = lazy[:n]
		if err := m.compare(); err == nil {
			break
		} else if n == 0 {
			t.Fatalf("after a crash with %d%% kept: no prefix of the lazy steps fits: %v", keep, err)
		}
	}
	m.settle()
}

func (m *machine) check(t *rapid.T) {
	if err := m.compare(); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) compare() error {
	want := m.now()
	for _, name := range []string{"lane", "sink"} {
		if got := m.j.Cursor(name).Offset; got != want.cursors[name] {
			return fmt.Errorf("cursor %s: got %d, want %d", name, got, want.cursors[name])
		}
	}
	counts := map[Row]int64{}
	for _, c := range m.j.Ledger() {
		if c.N != 0 {
			counts[c.Row] = c.N
		}
	}
	if !maps.Equal(counts, want.counts) {
		return fmt.Errorf("ledger: got %v, want %v", counts, want.counts)
	}
	first, err := m.raw.First()
	if err != nil || first != want.first {
		return fmt.Errorf("first: got %d, %v, want %d", first, err, want.first)
	}
	if err := sameLog(m.raw, first, want.raw); err != nil {
		return err
	}
	if err := sameLog(m.out, 0, want.staged); err != nil {
		return err
	}
	dead := 0
	if err := m.j.DeadLetters(0, func(*DeadLetter) bool { dead++; return true }); err != nil || dead != want.dead {
		return fmt.Errorf("dead letters: got %d, %v, want %d", dead, err, want.dead)
	}
	var asks []Ask
	for h := range want.marks {
		for bucket := range uint32(3) {
			asks = append(asks, Ask{bucket, h})
		}
	}
	hits := 0
	if err := m.j.Marks(1, asks, func(int, []byte) { hits++ }); err != nil || hits != len(want.marks) {
		return fmt.Errorf("marks: got %d, %v, want %d", hits, err, len(want.marks))
	}
	return nil
}

func sameLog(l *Log, first uint64, want []string) error {
	if l.Tail() != uint64(len(want)) {
		return fmt.Errorf("%s: tail %d, want %d", l.describe(), l.Tail(), len(want))
	}
	for from := first; from < l.Tail(); {
		es, err := l.Read(from, 7, 200)
		if err != nil || len(es) == 0 {
			return fmt.Errorf("%s: read at %d: %d entries, %w", l.describe(), from, len(es), err)
		}
		for _, e := range es {
			if string(e.Body) != want[from] {
				return fmt.Errorf("%s: offset %d: got %q, want %q", l.describe(), from, e.Body, want[from])
			}
			from++
		}
	}
	return nil
}
