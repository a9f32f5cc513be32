package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Log is one append-only log. Its methods are safe for concurrent use.
type Log struct {
	j    *Journal
	id   uint32
	kind Kind
	name string

	// The committer's own.
	next         uint64 // offset of the next entry
	pending      []Entry
	cuts         []int
	pendingFrom  int
	pendingBytes int

	tail      atomic.Uint64 // everything below is synced (I2)
	reclaimed atomic.Uint64 // below that, nothing is on the disk any more

	mu      sync.Mutex
	changed chan struct{} // closed when tail moves
	recent  []chunkWrite  // the newest chunks, so that a reader at the tail asks no store
	cached  int           // bytes in recent
}

// recentBytes bounds what a log keeps in memory of its newest chunks.
const recentBytes = 4 << 20

// Log returns the log of that kind and name, and creates it if there is none.
func (j *Journal) Log(kind Kind, name string) (*Log, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if l, ok := j.logs[logName{kind, name}]; ok {
		return l, nil
	}
	if j.opts.ReadOnly {
		return nil, fmt.Errorf("%w: no %s log %q", ErrNoStore, kind, name)
	}
	id := j.nextLog
	// A name is durable before anything refers to its number.
	if err := j.db.Set(nameKey(kind, name), binary.BigEndian.AppendUint32(nil, id), pebble.Sync); err != nil {
		return nil, fmt.Errorf("journal: name log %q: %w", name, err)
	}
	j.nextLog++
	l := j.newLog(kind, name, id)
	return l, nil
}

// SinkNumber returns the number that stands for a sink's address in staged
// entries. It is the same for ever, whatever the configuration becomes.
func (j *Journal) SinkNumber(address string) (uint32, error) {
	l, err := j.Log(SinkName, address)
	if err != nil {
		return 0, err
	}
	return l.id, nil
}

// Logs lists the names of the logs of a kind.
func (j *Journal) Logs(kind Kind) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []string
	for n := range j.logs {
		if n.kind == kind {
			out = append(out, n.name)
		}
	}
	return out
}

func (j *Journal) newLog(kind Kind, name string, id uint32) *Log {
	l := &Log{j: j, id: id, kind: kind, name: name, changed: make(chan struct{})}
	j.logs[logName{kind, name}] = l
	return l
}

// loadLogs reads the names and finds each log's end.
func (j *Journal) loadLogs() error {
	err := j.scan([]byte{prefixName}, []byte{prefixName + 1}, func(k, v []byte) (bool, error) {
		if len(k) < 2 || len(v) != 4 {
			return false, fmt.Errorf("%w: %s", ErrCorrupt, describeKey(k))
		}
		id := binary.BigEndian.Uint32(v)
		j.newLog(Kind(k[1]), string(k[2:]), id)
		j.nextLog = max(j.nextLog, id+1)
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, l := range j.logs {
		if err := l.findTail(); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) findTail() error {
	it, err := l.j.db.NewIter(l.bounds(prefixChunk))
	if err != nil {
		return readError(l.describe(), err)
	}
	defer it.Close()
	if it.Last() {
		c, err := l.chunkAt(it)
		if err != nil {
			return err
		}
		l.next = c.end()
	} else if c, ok := l.j.cursors[l.floorName()]; ok {
		l.next = c.Offset
	}
	if err := it.Error(); err != nil {
		return readError(l.describe(), err)
	}
	l.tail.Store(l.next)
	return nil
}

// floorName is the cursor that remembers where a log goes on when all its
// chunks have been trimmed: an offset is never given twice.
func (l *Log) floorName() string { return "floor/" + l.kind.String() + "/" + l.name }

func (l *Log) bounds(prefix byte) *pebble.IterOptions {
	lower := logPrefix(prefix, l.id)
	return &pebble.IterOptions{LowerBound: lower, UpperBound: upperBound(lower)}
}

func (l *Log) chunkAt(it *pebble.Iterator) (*chunk, error) {
	v, err := it.ValueAndErr()
	if err != nil {
		return nil, readError(describeKey(it.Key()), err)
	}
	return decodeChunk(binary.BigEndian.Uint64(it.Key()[5:]), append([]byte(nil), v...))
}

func (l *Log) describe() string { return fmt.Sprintf("%s log %q", l.kind, l.name) }

// Name is the name the log was opened with.
func (l *Log) Name() string { return l.name }

// Number is the log's number in this store, the same for ever.
func (l *Log) Number() uint32 { return l.id }

// Tail is the offset after the last entry that is on stable storage.
func (l *Log) Tail() uint64 { return l.tail.Load() }

// Append stores one entry, counts it in the ledger and returns its offset once
// it is on stable storage (I1). The body must not change before Append returns.
// ErrFull means that there is no room (Shortage says why), ErrClosed that the
// journal is closing: nothing was stored.
func (l *Log) Append(body []byte) (uint64, error) {
	if l.j.Full() {
		return 0, ErrFull
	}
	o := opPool.Get().(*op)
	o.log, o.entry, o.tx, o.err = l, Entry{Body: body}, nil, nil
	err := l.j.submit(o)
	off := o.entry.Offset
	o.log, o.entry = nil, Entry{}
	opPool.Put(o)
	return off, err
}

// Changed returns a channel that is closed when the tail moves past from. It is
// closed already if it has.
func (l *Log) Changed(from uint64) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tail.Load() > from {
		return closedChan
	}
	return l.changed
}

var closedChan = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// publish is called by the committer, in order.
func (l *Log) publish(w chunkWrite) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recent = append(l.recent, w)
	l.cached += len(w.value)
	drop := 0
	for l.cached > recentBytes && drop < len(l.recent)-1 {
		l.cached -= len(l.recent[drop].value)
		drop++
	}
	if drop > 0 {
		l.recent = append(l.recent[:0], l.recent[drop:]...)
		clear(l.recent[len(l.recent) : len(l.recent)+drop])
	}
	l.tail.Store(w.base + uint64(w.n))
	close(l.changed)
	l.changed = make(chan struct{})
}

// ErrTrimmed is returned by Read for an offset whose entries are gone.
var ErrTrimmed = errors.New("journal: trimmed")

// Read returns entries from offset from on, contiguous, at most maxEntries and
// maxBytes of them but at least one, and none from the tail on. It never blocks.
// The entries may be kept; they must not be written to. ErrTrimmed means that
// retention has removed that offset.
func (l *Log) Read(from uint64, maxEntries, maxBytes int) ([]Entry, error) {
	tail := l.Tail()
	if from >= tail {
		return nil, nil
	}
	var out []Entry
	size := 0
	take := func(c *chunk) bool {
		for i := range c.entries {
			e := &c.entries[i]
			if e.Offset < from {
				continue
			}
			n := len(e.Body) + len(e.Meta)
			if e.Offset != from+uint64(len(out)) {
				return false // a hole: the next Read says so
			}
			if e.Offset >= tail || len(out) >= maxEntries || (len(out) > 0 && size+n > maxBytes) {
				return false
			}
			out = append(out, *e)
			size += n
		}
		return len(out) < maxEntries && size < maxBytes
	}
	if l.readRecent(from, take) {
		return out, nil
	}
	out, size = nil, 0
	if err := l.readStore(from, take); err != nil {
		return nil, err
	}
	if len(out) > 0 && out[0].Offset == from {
		return out, nil
	}
	if first, err := l.First(); err != nil {
		return nil, err
	} else if first <= from {
		// Trimming takes from the front only: what misses after that is lost (I10).
		return nil, fmt.Errorf("%w: log %q has a hole at offset %d", ErrCorrupt, l.name, from)
	}
	return nil, fmt.Errorf("%w: log %q, offset %d", ErrTrimmed, l.name, from)
}

// readRecent reads from memory; false means that from is not there any more.
func (l *Log) readRecent(from uint64, take func(*chunk) bool) bool {
	l.mu.Lock()
	var ws []chunkWrite
	for i := range l.recent {
		if w := &l.recent[i]; w.base+uint64(w.n) > from {
			if w.base > from && len(ws) == 0 {
				break
			}
			ws = append(ws, l.recent[i:]...)
			break
		}
	}
	l.mu.Unlock()
	if len(ws) == 0 {
		return false
	}
	for _, w := range ws {
		c, err := decodeChunk(w.base, w.value)
		if err != nil {
			return false
		}
		if !take(c) {
			break
		}
	}
	return true
}

func (l *Log) readStore(from uint64, take func(*chunk) bool) error {
	it, err := l.j.db.NewIter(l.bounds(prefixChunk))
	if err != nil {
		return readError(l.describe(), err)
	}
	defer it.Close()
	// The chunk that holds from has the greatest base that is not above it.
	for ok := it.SeekLT(logKey(prefixChunk, l.id, from+1)); ok; ok = it.Next() {
		c, err := l.chunkAt(it)
		if err != nil {
			return err
		}
		if c.end() <= from {
			continue
		}
		if !take(c) {
			break
		}
	}
	if err := it.Error(); err != nil {
		return readError(l.describe(), err)
	}
	return nil
}

// First is the offset of the oldest entry that is still there, Tail if none is.
func (l *Log) First() (uint64, error) {
	tail := l.Tail() // before the look: what comes meanwhile is not skipped
	it, err := l.j.db.NewIter(l.bounds(prefixChunk))
	if err != nil {
		return 0, readError(l.describe(), err)
	}
	defer it.Close()
	if it.First() {
		return binary.BigEndian.Uint64(it.Key()[5:]), nil
	}
	return tail, it.Error()
}

// Summaries calls each for the summary of every chunk, newest first, with the
// offset of the chunk's first entry, until each returns false.
func (l *Log) Summaries(each func(base uint64, summary []byte) bool) error {
	it, err := l.j.db.NewIter(l.bounds(prefixSummary))
	if err != nil {
		return readError(l.describe(), err)
	}
	defer it.Close()
	for ok := it.Last(); ok; ok = it.Prev() {
		v, err := it.ValueAndErr()
		if err != nil {
			return readError(describeKey(it.Key()), err)
		}
		base := binary.BigEndian.Uint64(it.Key()[5:])
		if base >= l.Tail() {
			continue
		}
		if !each(base, v) {
			break
		}
	}
	return it.Error()
}

// Chunk returns the entries of the chunk that starts at base.
func (l *Log) Chunk(base uint64) ([]Entry, time.Time, error) {
	v, err := l.j.getMeta(logKey(prefixChunk, l.id, base))
	if err != nil {
		return nil, time.Time{}, err
	}
	if v == nil {
		return nil, time.Time{}, fmt.Errorf("%w: log %q, offset %d", ErrTrimmed, l.name, base)
	}
	c, err := decodeChunk(base, v)
	if err != nil {
		return nil, time.Time{}, err
	}
	return c.entries, c.at, nil
}

// StoredAt is when the entry at offset was stored. It is not meant for every
// entry: it reads the chunk that holds it. ErrTrimmed means that there is none.
func (l *Log) StoredAt(offset uint64) (time.Time, error) {
	var at time.Time
	take := func(c *chunk) bool {
		if c.base <= offset && offset < c.end() {
			at = c.at
		}
		return false
	}
	if offset < l.Tail() && !l.readRecent(offset, take) {
		if err := l.readStore(offset, take); err != nil {
			return time.Time{}, err
		}
	}
	if at.IsZero() {
		return at, fmt.Errorf("%w: log %q, offset %d", ErrTrimmed, l.name, offset)
	}
	return at, nil
}

// Batches calls each for the batches that reader remembered (Tx.Batch), from the
// one that starts at or before offset on, until each returns false.
func (j *Journal) Batches(reader string, offset uint64, each func(first uint64, value []byte) bool) error {
	prefix := batchPrefix(reader)
	it, err := j.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: upperBound(prefix)})
	if err != nil {
		return readError("batches", err)
	}
	defer it.Close()
	ok := it.SeekLT(batchKey(reader, offset+1))
	if !ok {
		ok = it.First()
	}
	for ; ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return readError("batches", err)
		}
		if !each(binary.BigEndian.Uint64(it.Key()[len(prefix):]), v) {
			break
		}
	}
	return it.Error()
}

// TrimBatches forgets what reader remembered of batches that start below offset.
func (tx *Tx) TrimBatches(reader string, offset uint64) {
	_ = tx.batch.DeleteRange(batchPrefix(reader), batchKey(reader, offset), nil)
}
