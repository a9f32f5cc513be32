package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"
)

func memOptions(fs vfs.FS) Options {
	return Options{
		Dir: "journal", FS: fs, Log: zerolog.Nop(), CacheBytes: 1 << 20, MemTableBytes: 256 << 10,
		Fatal: func(err error) { panic(err) },
	}
}

func readFile(t testing.TB, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
	return b
}

func writeFile(t testing.TB, fs vfs.FS, path string, b []byte) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatalf("create %s: %v", path, err)
	}
	// A copy: under the race detector the memory file system spoils what it was given.
	if _, err = f.Write(bytes.Clone(b)); err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil {
		t.Fatalf("write %s: %v", path, err)
	}
}

// storeFiles are the files of the store in fs, by full path.
func storeFiles(t testing.TB, fs vfs.FS) []string {
	t.Helper()
	names, err := fs.List("journal")
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	var out []string
	for _, n := range names {
		if info, err := fs.Stat(fs.PathJoin("journal", n)); err == nil && !info.IsDir() {
			out = append(out, fs.PathJoin("journal", n))
		}
	}
	return out
}

// newestWAL is the write-ahead log that the last append went to.
func newestWAL(t testing.TB, fs vfs.FS) string {
	t.Helper()
	newest := ""
	for _, f := range storeFiles(t, fs) {
		if strings.HasSuffix(f, ".log") && f > newest {
			newest = f
		}
	}
	if newest == "" {
		t.Fatal("the store has no WAL")
	}
	return newest
}

// copyOf is the state of the disk as it is now.
func copyOf(fs *vfs.MemFS) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 2))})
}

func damageBody(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "body %d;", i), 20+i) }

// TestTornTail cuts the write-ahead log at every byte of its last record: the
// store opens with everything before it (F04), and goes on at the right offset.
func TestTornTail(t *testing.T) {
	t.Parallel()
	fs := vfs.NewCrashableMem()
	j := open(t, memOptions(fs))
	defer j.Close()
	l := mustLog(t, j, Raw, "x")
	const n = 8
	var before []byte
	for i := range n {
		if i == n-1 {
			fsNow := copyOf(fs)
			before = readFile(t, fsNow, newestWAL(t, fsNow))
		}
		if _, err := l.Append(damageBody(i)); err != nil {
			t.Fatalf("append: %v", err)
		}
	}
	whole := copyOf(fs)
	wal := newestWAL(t, whole)
	data := readFile(t, whole, wal)
	end := len(bytes.TrimRight(data, "\x00"))
	start := len(bytes.TrimRight(before, "\x00"))
	if end-start < len(damageBody(n-1)) {
		t.Fatalf("the last record spans %d to %d, too little for its body", start, end)
	}
	step := 3
	if long {
		step = 1
	}
	for cut := start; cut < end; cut += step {
		torn := copyOf(whole)
		writeFile(t, torn, wal, data[:cut])
		j, err := Open(memOptions(torn))
		if err != nil {
			t.Fatalf("cut at %d of %d: open: %v", cut, end, err)
		}
		l := mustLog(t, j, Raw, "x")
		if got := l.Tail(); got != n-1 {
			t.Errorf("cut at %d of %d: tail %d, want %d", cut, end, got, n-1)
		}
		checkBodies(t, l, n-1)
		if off, err := l.Append([]byte("next")); err != nil || off != n-1 {
			t.Errorf("cut at %d of %d: next append: offset %d, %v, want %d", cut, end, off, err, n-1)
		}
		if err := j.Close(); err != nil {
			t.Fatalf("cut at %d: close: %v", cut, err)
		}
	}
}

func checkBodies(t testing.TB, l *Log, n int) {
	t.Helper()
	es, err := l.Read(0, n, 1<<20)
	if err != nil || len(es) != n {
		t.Fatalf("read: %d entries, %v, want %d", len(es), err, n)
	}
	for i, e := range es {
		if !bytes.Equal(e.Body, damageBody(i)) {
			t.Errorf("offset %d: got %.30q, want %.30q", i, e.Body, damageBody(i))
		}
	}
}

// damaged is a store with tables, a manifest and a write-ahead log, closed.
func damaged(t testing.TB) (*vfs.MemFS, int) {
	t.Helper()
	fs := vfs.NewCrashableMem()
	n := 60 // small: the store looks for the flipped bit in vain for seconds
	if long {
		n = 200
	}
	for part := range 2 {
		j := open(t, memOptions(fs)) // opening flushes what the log held to a table
		l := mustLog(t, j, Raw, "x")
		for i := part * n / 2; i < (part+1)*n/2; i++ {
			if _, err := l.Append(damageBody(i)); err != nil {
				t.Fatalf("append: %v", err)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	return fs, n
}

// readDamaged reads everything. An error is loud; a store that says nothing must
// hold exactly what was acknowledged (I10).
func readDamaged(fs vfs.FS, n int) (loud error, wrong error) {
	defer func() {
		// The store panics on some damage: as loud as it gets.
		if r := recover(); r != nil {
			loud = fmt.Errorf("panic: %v", r)
		}
	}()
	j, err := Open(memOptions(fs))
	if err != nil {
		return err, nil
	}
	defer func() { loud = errors.Join(loud, j.Close()) }()
	l, err := j.Log(Raw, "x")
	if err != nil {
		return err, nil
	}
	if l.Tail() != uint64(n) {
		wrong = fmt.Errorf("tail %d, want %d", l.Tail(), n)
		if l.Tail() == uint64(n)-1 {
			wrong = errLast
		}
	}
	for from := 0; from < int(l.Tail()); {
		es, err := l.Read(uint64(from), n, 1<<20)
		if err != nil {
			return err, nil
		}
		for _, e := range es {
			if !bytes.Equal(e.Body, damageBody(from)) {
				return nil, fmt.Errorf("offset %d: got %.30q", from, e.Body)
			}
			from++
		}
	}
	return nil, wrong
}

// errLast says that the very last entry is missing, and nothing else.
var errLast = errors.New("the last entry is missing")

// tornLast reports whether only the last record of a write-ahead log is lost:
// nothing follows that could tell damage to it from a torn tail.
func tornLast(path string, wrong error) bool {
	return strings.HasSuffix(path, ".log") && errors.Is(wrong, errLast)
}

// TestBitFlip flips bits all over a store's files (F05): never silently wrong.
func TestBitFlip(t *testing.T) {
	t.Parallel()
	base, n := damaged(t)
	seed := t1Seed(t)
	rng := rand.New(rand.NewPCG(seed, 3))
	flips := 5
	if long {
		flips = 300
	}
	kinds := map[string]int{}
	for _, path := range storeFiles(t, base) {
		data := readFile(t, base, path)
		if len(data) == 0 {
			continue
		}
		for range flips {
			at, bit := rng.IntN(len(data)), rng.IntN(8)
			bad := bytes.Clone(data)
			bad[at] ^= 1 << bit
			fs := copyOf(base)
			writeFile(t, fs, path, bad)
			loud, wrong := readDamaged(fs, n)
			if wrong != nil && !tornLast(path, wrong) {
				t.Errorf("seed %d: %s, bit %d of byte %d of %d flipped: silently wrong: %v", seed, path, bit, at, len(data), wrong)
			}
			kind := "harmless"
			if loud != nil {
				kind = "loud"
			}
			kinds[base.PathBase(path)+" "+kind]++
		}
	}
	t.Logf("seed %d: %v", seed, kinds)
	loud := 0
	for k, c := range kinds {
		if strings.HasSuffix(k, "loud") {
			loud += c
		}
	}
	if loud == 0 {
		t.Error("no flip was noticed: the test flips nothing that is read")
	}
}

// Every bit of the manifest that is in use: the store would take a record whose
// header is damaged for one that was cut off, forget the tables it speaks of, and
// delete them (F05, I10).
func TestBitFlipInManifest(t *testing.T) {
	t.Parallel()
	base, n := damaged(t)
	d, err := pebble.Peek(memOptions(base).Dir, base)
	if err != nil {
		t.Fatal(err)
	}
	data := readFile(t, base, d.ManifestFilename)
	if len(data) < 2*manifestHeader || len(data) > 1000 {
		t.Fatalf("the manifest has %d bytes, too few or too many to try each", len(data))
	}
	for at := range data {
		for bit := range 8 {
			bad := bytes.Clone(data)
			bad[at] ^= 1 << bit
			fs := copyOf(base)
			writeFile(t, fs, d.ManifestFilename, bad)
			if loud, _ := readDamaged(fs, n); loud == nil {
				t.Errorf("bit %d of byte %d of %d flipped: the store opens", bit, at, len(data))
			}
		}
	}
}

// A manifest whose last record is cut off anywhere opens: a power failure leaves
// it like that. What the record spoke of is not checked here (see the crash tests).
func TestTornManifest(t *testing.T) {
	t.Parallel()
	base, _ := damaged(t)
	d, err := pebble.Peek(memOptions(base).Dir, base)
	if err != nil {
		t.Fatal(err)
	}
	data := readFile(t, base, d.ManifestFilename)
	first, _, _ := manifestChunk(data, 0)
	for cut := first; cut <= len(data); cut++ {
		if err := verifyManifest(data[:cut]); err != nil {
			t.Errorf("cut at %d of %d: got %v, want no damage", cut, len(data), err)
		}
	}
}

// TestZeroedBlock zeroes 512 bytes at a time (F06).
func TestZeroedBlock(t *testing.T) {
	t.Parallel()
	base, n := damaged(t)
	for _, path := range storeFiles(t, base) {
		data := readFile(t, base, path)
		step := 512
		if !long {
			step = max(512, len(data)/5/512*512)
		}
		for at := 0; at+512 <= len(data); at += step {
			bad := bytes.Clone(data)
			clear(bad[at : at+512])
			if bytes.Equal(bad, data) {
				continue
			}
			fs := copyOf(base)
			writeFile(t, fs, path, bad)
			_, wrong := readDamaged(fs, n)
			if wrong != nil && !tornLast(path, wrong) {
				t.Errorf("%s, 512 bytes at %d of %d zeroed: silently wrong: %v", path, at, len(data), wrong)
			}
		}
	}
}
