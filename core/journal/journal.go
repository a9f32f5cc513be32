package journal

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"
)

// FormatVersion is the version of the on-disk layout that this code writes.
const FormatVersion = 1

// ExitFailed is the process's exit code after a failed write or sync of the
// journal (I11).
const ExitFailed = 70

// Errors that callers branch on.
var (
	ErrCorrupt  = errors.New("journal: corrupt")
	ErrClosed   = errors.New("journal: closed")
	ErrFull     = errors.New("journal: no room")
	ErrNewer    = errors.New("journal: written by a newer version")
	ErrLocked   = errors.New("journal: in use by another process")
	ErrNoStore  = errors.New("journal: no store there")
	ErrBackward = errors.New("journal: a cursor would move backward")
)

// Options configure a journal. Only Dir is required.
type Options struct {
	Dir string
	// FS is the file system; nil means the real one.
	FS  vfs.FS
	Log zerolog.Logger
	// Fatal is called once when the store can no longer be trusted to be
	// durable. It must not return. Nil means: log, then exit with ExitFailed.
	Fatal func(error)
	// CacheBytes is the block cache; 0 means 64 MiB.
	CacheBytes int64
	// MemTableBytes is one memtable, of which up to two exist; 0 means 48 MiB:
	// with the cache that is most of core's memory, which stays under 300 MiB.
	MemTableBytes uint64
	// MinFree is the free disk space in bytes below which Append is refused, so
	// that what is stored can still be delivered and compacted. 0 means 256 MiB.
	MinFree uint64
	// MaxDisk is how large the store may become, in bytes; 0 means as large as
	// the disk allows. Append is refused from nine tenths of it on, until eight
	// are left: what was accepted needs room as well.
	MaxDisk uint64
	// ReadOnly opens an existing store for inspection.
	ReadOnly bool
	Now      func() time.Time
}

// Journal is an open store. Its methods are safe for concurrent use.
type Journal struct {
	db      *pebble.DB
	cache   *pebble.Cache
	opts    Options
	storeID string
	hashKey [16]byte
	deadSeq atomic.Uint64
	failed  atomic.Bool
	disk    disk

	mu      sync.Mutex // guards what follows; taken after no other lock
	logs    map[logName]*Log
	nextLog uint32
	cursors map[string]Cursor

	ledgerMu sync.Mutex
	ledger   map[Row]int64

	tallyMu sync.Mutex
	tally   map[Row]int64 // counted with the next group

	queue            committer
	unwatch, watched chan struct{}
	alarms           alarms
}

// Kind tells raw logs from staged ones.
type Kind byte

// The kinds of log.
const (
	Raw      Kind = 'r' // named for a source
	StagedIn Kind = 's' // named for a pipeline
	SinkName Kind = 'k' // no log: the number of a sink
)

// String returns the word.
func (k Kind) String() string {
	switch k {
	case Raw:
		return "raw"
	case StagedIn:
		return "staged"
	case SinkName:
		return "sink"
	}
	return fmt.Sprintf("kind(%d)", byte(k))
}

type logName struct {
	kind Kind
	name string
}

// Open opens the store in o.Dir and creates it if there is none. Only one
// process can have it open (ErrLocked).
func Open(o Options) (*Journal, error) {
	o = withDefaults(o)
	j := &Journal{opts: o, logs: map[logName]*Log{}, cursors: map[string]Cursor{}, ledger: map[Row]int64{}, tally: map[Row]int64{}}
	j.unwatch, j.watched = make(chan struct{}), make(chan struct{})
	if !o.ReadOnly {
		if err := makeDir(o.FS, o.Dir); err != nil {
			return nil, err
		}
	} else if _, err := o.FS.Stat(o.Dir); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrNoStore, o.Dir)
	}
	// The version is looked at before the store is opened for writing: opening
	// replays and flushes, and N refuses N+1's data without writing a byte (I16).
	versioned, err := j.checkVersion()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(j.checkManifest(versioned), j.checkWALs()); err != nil {
		return nil, err
	}
	j.cache = pebble.NewCache(o.CacheBytes)
	db, err := pebble.Open(o.Dir, j.pebbleOptions())
	if err != nil {
		j.cache.Unref()
		return nil, openError(o.Dir, err)
	}
	j.db = db
	// The version file comes before anything that it speaks of.
	if !versioned && !o.ReadOnly {
		if err := j.writeVersion(); err != nil {
			return nil, errors.Join(fmt.Errorf("journal: write version file: %w", err), j.closeStore())
		}
	}
	if err := j.load(); err != nil {
		return nil, errors.Join(err, j.closeStore())
	}
	j.queue.init()
	j.disk.size = func() uint64 { return j.db.Metrics().DiskSpaceUsage() }
	if !o.ReadOnly {
		j.checkDisk()
		go j.run()
		go j.watch()
	} else {
		close(j.queue.done)
		close(j.watched)
	}
	return j, nil
}

func withDefaults(o Options) Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 64 << 20
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = 48 << 20
	}
	if o.MinFree == 0 {
		o.MinFree = 256 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Fatal == nil {
		log := o.Log
		o.Fatal = func(err error) {
			log.Error().Err(err).Msg("journal failed, ending the process: nothing more can be promised")
			os.Exit(ExitFailed)
		}
	}
	return o
}

func openError(dir string, err error) error {
	if errors.Is(err, pebble.ErrDBDoesNotExist) {
		return fmt.Errorf("%w: %s", ErrNoStore, dir)
	}
	// The lock's error has no type of its own; the file system says EAGAIN.
	if isLockError(err) {
		return fmt.Errorf("%w: %s", ErrLocked, dir)
	}
	return fmt.Errorf("journal: open %s: %w", dir, err)
}

func (j *Journal) pebbleOptions() *pebble.Options {
	o := &pebble.Options{
		FS: markerFS{j.opts.FS}, Cache: j.cache, ReadOnly: j.opts.ReadOnly, ErrorIfNotExists: j.opts.ReadOnly,
		FormatMajorVersion: pebble.FormatNewest, // the default is the oldest
		MemTableSize:       j.opts.MemTableBytes, MemTableStopWritesThreshold: 2,
		L0CompactionThreshold: 4, L0StopWritesThreshold: 40,
		MaxOpenFiles: 512, DisableWAL: false,
		Logger: (*storeLogger)(j), EventListener: j.listener(),
		// Deletes are range deletes over whole chunks and buckets; flushing them
		// soon gives the space back.
		FlushDelayDeleteRange: 10 * time.Second,
	}
	for i := range o.Levels {
		// Chunks are single large values whatever the block; marks are looked up
		// one by one, and a small block is read and unpacked sooner. There are no
		// Bloom filters: whoever looks a mark up knows better where it is (Marks), and
		// making them cost a tenth of a mark.
		o.Levels[i].BlockSize = 4 << 10
		o.Levels[i].Compression = func() *block.CompressionProfile { return block.NoCompression }
		if i >= 4 {
			o.Levels[i].Compression = func() *block.CompressionProfile { return block.SnappyCompression }
		}
	}
	o.CompactionConcurrencyRange = func() (int, int) { return 1, 1 }
	return o
}

// storeLogger passes the store's own log on, and turns its Fatalf into the end
// of the process: the store calls Fatalf on a WAL error and would then report
// success (I11).
type storeLogger Journal

func (l *storeLogger) Infof(format string, args ...any) {
	l.opts.Log.Debug().Msgf("store: "+format, args...)
}

func (l *storeLogger) Errorf(format string, args ...any) {
	l.opts.Log.Warn().Msgf("store: "+format, args...)
}

func (l *storeLogger) Fatalf(format string, args ...any) {
	(*Journal)(l).fatal(fmt.Errorf("journal: store: "+format, args...))
}

func (j *Journal) fatal(err error) {
	j.failed.Store(true)
	j.opts.Fatal(err)
	// A Fatal that returns would let the store report success. Nobody is told
	// anything any more.
	select {}
}

// versionFile repeats the format version outside the store, so that it can be
// read before the store is opened.
const versionFile = "PATCHBAY"

// checkVersion reports whether there is a version file. It refuses a newer one.
func (j *Journal) checkVersion() (found bool, err error) {
	path := j.opts.FS.PathJoin(j.opts.Dir, versionFile)
	f, err := j.opts.FS.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("journal: open %s: %w", path, err)
	}
	defer f.Close()
	buf := make([]byte, 64)
	n, _ := f.Read(buf)
	var v int
	if _, err := fmt.Sscanf(string(buf[:n]), "patchbay journal %d", &v); err != nil {
		return true, fmt.Errorf("%w: %s is not a version file", ErrCorrupt, path)
	}
	if v > FormatVersion {
		return true, fmt.Errorf("%w: format %d, this patchbay reads up to %d", ErrNewer, v, FormatVersion)
	}
	return true, nil
}

func (j *Journal) writeVersion() error {
	fs, dir := j.opts.FS, j.opts.Dir
	tmp := fs.PathJoin(dir, versionFile+".tmp")
	f, err := fs.Create(tmp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "patchbay journal %d\n", FormatVersion)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := fs.Rename(tmp, fs.PathJoin(dir, versionFile)); err != nil {
		return err
	}
	return syncDir(fs, dir)
}

// load reads what is kept in memory: identity, names, tails, cursors, ledger.
func (j *Journal) load() error {
	format, err := j.getMeta(metaFormat)
	if err != nil {
		return err
	}
	if format == nil {
		if j.opts.ReadOnly {
			return fmt.Errorf("%w: %s", ErrNoStore, j.opts.Dir)
		}
		if err := j.create(); err != nil {
			return err
		}
	} else if len(format) != 1 || format[0] != FormatVersion {
		return fmt.Errorf("%w: format %x", ErrNewer, format)
	}
	if err := j.loadIdentity(); err != nil {
		return err
	}
	err = j.scan([]byte{prefixCursor}, []byte{prefixCursor + 1}, func(k, v []byte) (bool, error) {
		c, err := decodeCursor(v)
		j.cursors[string(k[1:])] = c
		return true, err
	})
	if err != nil {
		return err
	}
	// After the cursors: the floor of a log whose chunks are all trimmed is one.
	if err := j.loadLogs(); err != nil {
		return err
	}
	err = j.scan([]byte{prefixLedger}, []byte{prefixLedger + 1}, func(k, v []byte) (bool, error) {
		row, err := decodeLedgerKey(k)
		if err != nil {
			return false, err
		}
		n, w := binary.Varint(v)
		if w <= 0 {
			return false, fmt.Errorf("%w: %s", ErrCorrupt, describeKey(k))
		}
		j.ledger[row] = n
		return true, nil
	})
	if err != nil {
		return err
	}
	return j.loadDeadSeq()
}

// create writes the identity of a new store.
func (j *Journal) create() error {
	var id, key [16]byte
	_, _ = rand.Read(id[:]) // never fails, says crypto/rand
	_, _ = rand.Read(key[:])
	b := j.db.NewBatch()
	defer b.Close()
	_ = b.Set(metaFormat, []byte{FormatVersion}, nil)
	_ = b.Set(metaStore, []byte(hex.EncodeToString(id[:])), nil)
	_ = b.Set(metaHashKey, key[:], nil)
	if err := b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("journal: create store: %w", err)
	}
	return nil
}

func (j *Journal) loadIdentity() error {
	id, err := j.getMeta(metaStore)
	if err != nil {
		return err
	}
	key, err := j.getMeta(metaHashKey)
	if err != nil {
		return err
	}
	if len(key) != len(j.hashKey) || len(id) == 0 {
		return fmt.Errorf("%w: the store has no identity", ErrCorrupt)
	}
	j.storeID = string(id)
	copy(j.hashKey[:], key)
	return nil
}

func (j *Journal) loadDeadSeq() error {
	it, err := j.db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefixDead}, UpperBound: []byte{prefixDead + 1}})
	if err != nil {
		return readError("dead letters", err)
	}
	defer it.Close()
	if it.Last() {
		j.deadSeq.Store(binary.BigEndian.Uint64(it.Key()[1:]))
	}
	return it.Error()
}

func (j *Journal) getMeta(key []byte) ([]byte, error) {
	v, closer, err := j.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, readError(describeKey(key), err)
	}
	defer closer.Close()
	return append([]byte(nil), v...), nil
}

// scan calls each for the keys in [lower, upper) until each returns false. Key
// and value are valid during the call only.
func (j *Journal) scan(lower, upper []byte, each func(k, v []byte) (bool, error)) error {
	it, err := j.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return readError("store", err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(readError(describeKey(it.Key()), err), it.Close())
		}
		more, err := each(it.Key(), v)
		if err != nil || !more {
			return errors.Join(err, it.Close())
		}
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return readError("store", err)
	}
	return nil
}

// StoreID identifies this store; a data directory replaced or rolled back shows.
func (j *Journal) StoreID() string { return j.storeID }

// Close waits for what is queued, then closes the store. Later calls of Append
// and Commit return ErrClosed.
func (j *Journal) Close() error {
	if !j.queue.close() {
		return nil
	}
	close(j.unwatch)
	<-j.watched
	<-j.queue.done
	return j.closeStore()
}

func (j *Journal) closeStore() error {
	err := j.db.Close()
	j.cache.Unref()
	if err != nil {
		return fmt.Errorf("journal: close: %w", err)
	}
	return nil
}

// Metrics are a few figures about the store.
type Metrics struct {
	DiskBytes     uint64
	MemTableBytes uint64
	L0Files       int64
	WALBytes      uint64
	Compacting    int64 // compactions under way
}

// Metrics returns the figures as of now.
func (j *Journal) Metrics() Metrics {
	m := j.db.Metrics()
	return Metrics{
		DiskBytes: m.DiskSpaceUsage(), MemTableBytes: m.MemTable.Size,
		L0Files: m.Levels[0].TablesCount, WALBytes: m.WAL.Size, Compacting: m.Compact.NumInProgress,
	}
}

// Path returns the store's directory, cleaned.
func (j *Journal) Path() string { return filepath.Clean(j.opts.Dir) }
