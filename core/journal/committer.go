package journal

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// committer is the queue in front of the one goroutine that writes.
type committer struct {
	mu      sync.Mutex
	cond    sync.Cond
	waiting []*op
	closed  bool
	done    chan struct{}
}

// op is one thing to make durable: an append of one entry, or a Tx.
type op struct {
	log   *Log // of an append
	entry Entry
	tx    *Tx
	err   error
	ready chan struct{}
}

var opPool = sync.Pool{New: func() any { return &op{ready: make(chan struct{}, 1)} }}

func (q *committer) init() {
	q.cond.L = &q.mu
	q.done = make(chan struct{})
}

func (q *committer) close() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.closed = true
	q.cond.Signal()
	return true
}

// submit queues o and waits until it is durable. It waits even if the caller no
// longer cares: o's bytes are in use until then.
func (j *Journal) submit(o *op) error {
	q := &j.queue
	q.mu.Lock()
	if q.closed || j.opts.ReadOnly {
		q.mu.Unlock()
		return ErrClosed
	}
	q.waiting = append(q.waiting, o)
	if len(q.waiting) == 1 {
		q.cond.Signal()
	}
	q.mu.Unlock()
	<-o.ready
	return o.err
}

// run is the committer: it takes everything that waits, makes it durable with
// one sync, publishes the new tails and answers.
func (j *Journal) run() {
	defer close(j.queue.done)
	q := &j.queue
	var spare []*op
	g := newGroup(j)
	for {
		q.mu.Lock()
		for len(q.waiting) == 0 && !q.closed {
			q.cond.Wait()
		}
		if len(q.waiting) == 0 {
			q.mu.Unlock()
			if j.tallied() {
				g.commit(nil)
			}
			return
		}
		ops := q.waiting
		q.waiting = spare[:0]
		q.mu.Unlock()

		g.commit(ops)
		clear(ops)
		spare = ops
	}
}

// group is what is committed together. It is reused.
type group struct {
	j       *Journal
	batch   *pebble.Batch // empty between two commits
	logs    []*Log        // with pending entries, in order of first use
	written []chunkWrite
	deltas  map[Row]int64
	moved   map[string]uint64 // cursors set by steps of this group
}

type chunkWrite struct {
	log   *Log
	base  uint64
	value []byte
	n     int
}

func newGroup(j *Journal) *group {
	return &group{j: j, batch: j.db.NewBatch(pebble.WithMaxRetainedSizeBytes(keptBatchBytes)), deltas: map[Row]int64{}, moved: map[string]uint64{}}
}

// keptBatchBytes is up to what size the memory of a group is used again for the
// next. Under load a group holds a chunk of a megabyte for every log; what is larger
// than several of them is rare.
const keptBatchBytes = 8 << 20

// commit makes ops durable and answers them.
func (g *group) commit(ops []*op) {
	b := g.batch
	sync := false
	if splitSteps {
		g.commitCursorsFirst(ops)
	}
	clear(g.moved)
	for _, o := range ops {
		if o.tx == nil {
			g.append(o)
			sync = true
			continue
		}
		if o.err = g.moveCursors(o.tx); o.err != nil {
			continue // nothing of this step happens
		}
		sync = sync || o.tx.sync
		g.addTx(b, o.tx)
	}
	for _, l := range g.logs {
		g.flush(b, l)
	}
	g.takeTally()
	g.addLedger(b)
	opt := pebble.NoSync
	if sync && syncEnabled {
		opt = pebble.Sync
	}
	if publishEarly {
		g.publishTails()
	}
	if err := b.Commit(opt); err != nil {
		g.j.fatal(fmt.Errorf("journal: commit: %w", err))
	}
	// The store may have called Fatalf on another goroutine and returned nil here.
	if g.j.failed.Load() {
		select {}
	}
	b.Reset()
	g.publish(ops)
}

// commitCursorsFirst breaks I7, for the build that proves that tests notice.
func (g *group) commitCursorsFirst(ops []*op) {
	for _, o := range ops {
		if o.tx == nil {
			continue
		}
		for name, c := range o.tx.cursors {
			_ = g.j.db.Set(cursorKey(name), appendCursor(nil, c), pebble.Sync)
		}
	}
}

// moveCursors checks a step's cursors against where they stand now, those of
// the steps before it in the group included: SetCursor may have looked earlier
// (I9).
func (g *group) moveCursors(tx *Tx) error {
	for name, c := range tx.cursors {
		old, ok := g.moved[name]
		if !ok {
			old = g.j.Cursor(name).Offset
		}
		if c.Offset < old && !tx.rewind {
			return fmt.Errorf("%w: %s from %d to %d", ErrBackward, name, old, c.Offset)
		}
	}
	for name, c := range tx.cursors {
		g.moved[name] = c.Offset
	}
	return nil
}

func (g *group) publishTails() {
	for _, w := range g.written {
		w.log.publish(w)
	}
	clear(g.written)
	g.written = g.written[:0]
}

// publish makes the new tails, counts and cursors visible (I2) and wakes the
// waiting.
func (g *group) publish(ops []*op) {
	g.publishTails()
	g.j.ledgerMu.Lock()
	for r, d := range g.deltas {
		g.j.ledger[r] += d
	}
	g.j.ledgerMu.Unlock()
	g.j.mu.Lock()
	for _, o := range ops {
		if o.tx != nil && o.err == nil {
			for name, c := range o.tx.cursors {
				g.j.cursors[name] = c
			}
		}
	}
	g.j.mu.Unlock()
	for _, o := range ops {
		o.ready <- struct{}{}
	}
	g.logs = g.logs[:0]
	clear(g.deltas)
}

func (g *group) append(o *op) {
	l, e := o.log, o.entry
	o.entry.Offset = l.next + uint64(len(l.pending))
	if len(l.pending) == 0 {
		g.logs = append(g.logs, l)
	}
	size := len(e.Body) + len(e.Meta)
	if l.pendingBytes > 0 && (l.pendingBytes+size > MaxChunkBytes || len(l.pending)-l.pendingFrom >= MaxChunkEntries) {
		l.cuts = append(l.cuts, len(l.pending))
		l.pendingFrom, l.pendingBytes = len(l.pending), 0
	}
	l.pending = append(l.pending, e)
	l.pendingBytes += size
	g.deltas[Row{Scope: ScopeRaw, Name: l.name, Outcome: Stored}]++
}

// flush writes a log's pending entries as chunks.
func (g *group) flush(b *pebble.Batch, l *Log) {
	from := 0
	for _, cut := range append(l.cuts, len(l.pending)) {
		g.write(b, l, l.pending[from:cut], nil)
		from = cut
	}
	clear(l.pending)
	l.pending, l.cuts = l.pending[:0], l.cuts[:0]
	l.pendingFrom, l.pendingBytes = 0, 0
}

func (g *group) write(b *pebble.Batch, l *Log, entries []Entry, summary []byte) {
	if len(entries) == 0 {
		return
	}
	v := appendChunk(make([]byte, 0, chunkSize(entries)), g.j.opts.Now(), entries)
	base := l.next
	l.next += uint64(len(entries))
	_ = b.Set(logKey(prefixChunk, l.id, base), v, nil)
	if len(summary) > 0 {
		_ = b.Set(logKey(prefixSummary, l.id, base), summary, nil)
	}
	g.written = append(g.written, chunkWrite{log: l, base: base, value: v, n: len(entries)})
}

// addTx adds a step. Its entries get a chunk of their own, so that its summary
// speaks of exactly these.
func (g *group) addTx(b *pebble.Batch, tx *Tx) {
	for _, a := range tx.appends {
		if len(a.log.pending) > 0 {
			g.flush(b, a.log) // offsets were given out already
		}
		g.write(b, a.log, a.entries, a.summary)
	}
	if err := b.Apply(tx.batch, nil); err != nil {
		g.j.fatal(fmt.Errorf("journal: gather step: %w", err))
	}
	for name, c := range tx.cursors {
		_ = b.Set(cursorKey(name), appendCursor(nil, c), nil)
	}
	for r, n := range tx.ledger {
		g.deltas[r] += n
	}
}

func (g *group) addLedger(b *pebble.Batch) {
	if len(g.deltas) == 0 {
		return
	}
	var key []byte
	for r, d := range g.deltas {
		n := g.j.ledger[r] + d // only this goroutine writes to it
		key = appendLedgerKey(key[:0], r)
		_ = b.Set(key, binary.AppendVarint(nil, n), nil)
	}
}
