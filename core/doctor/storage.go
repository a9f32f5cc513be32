package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/patchbay-io/patchbay/core/journal"
)

// storage looks at the data directory, the disk below it and the journal in it.
func (e *examination) storage(ctx context.Context) {
	e.group = GroupStorage
	dir := e.o.Config.DataDir
	place, ok := e.directory(dir)
	if !ok {
		return
	}
	e.fileSystem(place)
	if e.sample(ctx, place) {
		e.journal(filepath.Join(dir, "journal"))
	}
}

// directory looks at the data directory. place is where a file can be tried out:
// there, or where it would be made.
func (e *examination) directory(dir string) (place string, ok bool) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		place = existing(dir)
		e.add("data directory", Pass, fmt.Sprintf("%s is made at the first start", dir), "")
		return place, true
	case err != nil:
		e.add("data directory", Fail, err.Error(), "Let patchbay's user reach it, or write another data_dir in the patchbay block.")
		return "", false
	case !info.IsDir():
		e.add("data directory", Fail, dir+" is not a directory", "Write another data_dir in the patchbay block, or move the file away.")
		return "", false
	}
	status, detail, remedy := judgeMode(dir, info, os.Geteuid())
	e.add("data directory", status, detail, remedy)
	return dir, true
}

// judgeMode says what follows from who may do what with the data directory.
func judgeMode(dir string, info fs.FileInfo, uid int) (s Status, detail, remedy string) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != uid {
		return Warn, fmt.Sprintf("%s belongs to user %d, and this is user %d", dir, st.Uid, uid),
			"Run doctor as the user that patchbay runs as, or give that user the directory: chown -R."
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return Warn, fmt.Sprintf("%s may be changed by others (mode %04o)", dir, mode), "Restrict it to patchbay's user: chmod 700."
	}
	return Pass, fmt.Sprintf("%s exists", dir), ""
}

// existing is the nearest directory above that is there.
func existing(dir string) string {
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return dir
		}
		dir = up
	}
}

// fileSystem looks at the kind of file system and the room on it.
func (e *examination) fileSystem(dir string) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		e.add("free space", Warn, fmt.Sprintf("%s: %v", dir, err), "Look at the file system with df.")
		return
	}
	status, detail, remedy := judgeKind(int64(st.Type))
	e.add("file system", status, detail, remedy)
	free := uint64(st.Bavail) * uint64(st.Bsize)
	status, detail, remedy = judgeFree(free, uint64(max(e.o.Config.Journal.MinFree, 0)))
	e.add("free space", status, detail, remedy)
}

// judgeKind says what follows from a file system's magic number (statfs(2)).
func judgeKind(magic int64) (s Status, detail, remedy string) {
	switch magic {
	case 0x01021994, 0x858458f6: // TMPFS_MAGIC, RAMFS_MAGIC
		return Warn, "the data would lie in memory", "What is acknowledged is lost with the machine's next start. Write a data_dir on a disk."
	case 0x6969, 0xff534d42, 0xfe534d42, 0x517b: // NFS, CIFS, SMB2, SMB
		return Warn, "the data would lie on a network", "Locks and syncs are not to be relied on there. Write a data_dir on a local disk."
	}
	return Pass, "a local disk", ""
}

func judgeFree(free, least uint64) (s Status, detail, remedy string) {
	detail = fmt.Sprintf("%s free", bytes(free))
	switch {
	case free < least:
		return Fail, detail, fmt.Sprintf("Below %s no request is accepted (min_free in the journal block). Make room.", bytes(least))
	case free < 4*least:
		return Warn, detail, fmt.Sprintf("Below %s no request is accepted (min_free in the journal block). Make room, or bound the journal with max_disk.", bytes(least))
	}
	return Pass, detail, ""
}

func bytes(n uint64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}

// The sample of the disk's syncs.
const (
	samples    = 20
	sampleSize = 4 << 10
	sampleTime = 2 * time.Second
)

// sample writes a file as the journal would, and measures how long the disk
// takes to make it last.
func (e *examination) sample(ctx context.Context, dir string) bool {
	f, err := os.CreateTemp(dir, ".patchbay-doctor-*")
	if err != nil {
		e.add("writing", Fail, err.Error(), "Let patchbay's user write there, or write another data_dir in the patchbay block.")
		return false
	}
	took, err := syncs(ctx, f)
	info, statErr := f.Stat()
	err = errors.Join(err, statErr, f.Close(), os.Remove(f.Name()))
	if err != nil || len(took) == 0 {
		e.add("writing", Fail, fmt.Sprint(errors.Join(err, ctx.Err())), "Look at the disk: dmesg, smartctl.")
		return false
	}
	e.add("writing", Pass, "a file can be written, synced and removed", "")
	slices.Sort(took)
	status, detail, remedy := judgeSync(took[len(took)/2], took[len(took)-1])
	e.add("sync", status, detail, remedy)
	if off := e.o.Now().Sub(info.ModTime()).Abs(); off > time.Minute {
		e.add("time of files", Warn, fmt.Sprintf("the file system's clock is off by %s", off.Round(time.Second)), "Set the clocks by NTP.")
	}
	return true
}

func syncs(ctx context.Context, f *os.File) (took []time.Duration, err error) {
	block := make([]byte, sampleSize)
	var all time.Duration
	for range samples {
		if all > sampleTime || ctx.Err() != nil {
			break
		}
		if _, err := f.Write(block); err != nil {
			return took, err
		}
		begin := time.Now()
		if err := f.Sync(); err != nil {
			return took, err
		}
		d := time.Since(begin)
		took, all = append(took, d), all+d
	}
	return took, nil
}

// judgeSync says what a disk's syncs mean for providers, which wait for one.
func judgeSync(median, worst time.Duration) (s Status, detail, remedy string) {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
	detail = fmt.Sprintf("median %s, worst %s of a few", ms(median), ms(worst))
	switch {
	case median > 100*time.Millisecond || worst > 2*time.Second:
		return Warn, detail, "Each answer to a provider waits for a sync, so they will be slow and some providers will repeat. Put data_dir on a faster disk."
	case median > 20*time.Millisecond:
		return Warn, detail, "Each answer to a provider waits for a sync. Under load many share one, yet a faster disk for data_dir would help."
	}
	return Pass, detail, ""
}

// sampleMemory is enough to look whether a journal opens.
const sampleMemory = 16 << 20

// journal looks whether the journal opens, without changing it.
func (e *examination) journal(dir string) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		e.add("journal", Pass, "none yet: it is made at the first start", "")
		return
	}
	if e.o.Running {
		e.add("journal", Pass, "the running core has it open", "")
		return
	}
	j, err := journal.Open(journal.Options{
		Dir: dir, ReadOnly: true, Log: zerolog.Nop(), CacheBytes: sampleMemory, MemTableBytes: sampleMemory, Now: e.o.Now,
	})
	switch {
	case err == nil:
		if err = j.Close(); err == nil {
			e.add("journal", Pass, "it opens", "")
			return
		}
	case errors.Is(err, journal.ErrLocked):
		e.add("journal", Warn, "another process has it open, and no core answers",
			"A core that is starting or stopping does that; look again. If it stays, look for a patchbay process that hangs.")
		return
	case errors.Is(err, journal.ErrNewer):
		e.add("journal", Fail, err.Error(), "A newer patchbay has written it. Install that version again.")
		return
	case errors.Is(err, journal.ErrNoStore):
		e.add("journal", Pass, "none yet: it is made at the first start", "")
		return
	}
	e.add("journal", Fail, err.Error(), "Keep a copy of the directory, then: patchbay journal verify.")
}
