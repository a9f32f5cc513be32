package journal

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/rs/zerolog"
)

// The tests below run a journal in a process of its own, which is this test
// binary again: what they test is how that process ends.

const (
	childEnv      = "PATCHBAY_TEST_JOURNAL"       // the directory
	childFaultEnv = "PATCHBAY_TEST_JOURNAL_FAULT" // "kind nth errno"
	childAppends  = 60
)

func childBody(i int) string { return strings.Repeat(fmt.Sprintf("append %d.", i), 900) }

// childFault injects one error: on the nth operation of a kind once armed.
type childFault struct {
	armed  atomic.Bool
	kind   string // "wal-write", "wal-sync", "manifest"
	nth    int64
	err    syscall.Errno
	count  atomic.Int64
	sticky bool // a full disk stays full
}

func (f *childFault) String() string { return f.kind }

func (f *childFault) MaybeError(op errorfs.Op) error {
	if !f.armed.Load() || !f.matches(op) {
		return nil
	}
	n := f.count.Add(1)
	if n != f.nth && (!f.sticky || n < f.nth) {
		return nil
	}
	_, _ = fmt.Fprintln(os.Stdout, "fault")
	return &os.PathError{Op: "inject", Path: op.Path, Err: f.err}
}

func (f *childFault) matches(op errorfs.Op) bool {
	write := op.Kind == errorfs.OpFileWrite
	sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
	switch f.kind {
	case "wal-write":
		return write && strings.HasSuffix(op.Path, ".log")
	case "wal-sync":
		return sync && strings.HasSuffix(op.Path, ".log")
	case "manifest":
		return (write || sync) && strings.Contains(op.Path, "MANIFEST")
	}
	return false
}

// child appends, and says on its standard output what was acknowledged. Without
// a fault it goes on until it is killed.
func child(dir string) {
	fault := &childFault{}
	endless := true
	if spec := os.Getenv(childFaultEnv); spec != "" {
		var errno int
		if _, err := fmt.Sscanf(spec, "%s %d %d", &fault.kind, &fault.nth, &errno); err != nil {
			panic(err)
		}
		fault.err, endless = syscall.Errno(errno), false
		fault.sticky = fault.err == syscall.ENOSPC
	}
	j, err := Open(Options{
		Dir: dir, FS: errorfs.Wrap(vfs.Default, fault), Log: zerolog.Nop(), MemTableBytes: 256 << 10, CacheBytes: 1 << 20, MinFree: 1,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	l, err := j.Log(Raw, "x")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	fault.armed.Store(true)
	for i := int(l.Tail()); endless || i < childAppends; i++ {
		off, err := l.Append([]byte(childBody(i)))
		if err != nil || off != uint64(i) {
			fmt.Fprintln(os.Stderr, off, err)
			os.Exit(4)
		}
		fmt.Fprintln(os.Stdout, "acked", off)
	}
	if err := j.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(5)
	}
}

// runChild runs a child and returns its lines and exit code. With kill set it is
// killed once it has acknowledged that many.
func runChild(t *testing.T, dir, fault string, kill int) (lines []string, code int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+dir, childFaultEnv+"="+fault)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("start child: %v", err)
	}
	for s := bufio.NewScanner(out); s.Scan(); {
		lines = append(lines, s.Text())
		if kill > 0 && len(lines) == kill {
			_ = cmd.Process.Kill()
		}
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("wait for child: %v", err)
	}
	if code = cmd.ProcessState.ExitCode(); code != 0 && code != -1 && code != ExitFailed {
		t.Errorf("child: exit code %d: %s", code, stderr.String())
	}
	return lines, code
}

// checkChild opens what a child left: all that it acknowledged is there (I1).
func checkChild(t *testing.T, dir string, lines []string) {
	t.Helper()
	j := open(t, Options{Dir: dir, MinFree: 1})
	defer func() {
		if err := j.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	l := mustLog(t, j, Raw, "x")
	acked := uint64(0)
	for _, line := range lines {
		if off, ok := strings.CutPrefix(line, "acked "); ok {
			n, err := strconv.ParseUint(off, 10, 64)
			if err != nil {
				t.Fatalf("line %q: %v", line, err)
			}
			acked = n + 1
		}
	}
	if l.Tail() < acked {
		t.Fatalf("I1: tail %d, acknowledged %d", l.Tail(), acked)
	}
	for from := uint64(0); from < l.Tail(); {
		es, err := l.Read(from, 100, 1<<20)
		if err != nil || len(es) == 0 {
			t.Fatalf("read at %d: %d entries, %v", from, len(es), err)
		}
		for _, e := range es {
			if want := childBody(int(from)); string(e.Body) != want {
				t.Fatalf("I1: offset %d: got %.30q, want %.30q", from, e.Body, want)
			}
			from++
		}
	}
}

// TestFaultEndsTheProcess proves I11 (F07, F08): after a failed write or sync on
// the way to an acknowledgement nothing is acknowledged any more, and the
// process ends with a code of its own.
func TestFaultEndsTheProcess(t *testing.T) {
	t.Parallel()
	nth := []int{1, 2, 7, 40}
	if long {
		nth = []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 35, 40, 45, 50, 55}
	}
	for _, kind := range []string{"wal-write", "wal-sync", "manifest"} {
		for _, n := range nth {
			if kind == "manifest" && n > 2 {
				continue // there are few
			}
			errno := syscall.EIO
			if n%2 == 0 {
				errno = syscall.ENOSPC
			}
			fault := fmt.Sprintf("%s %d %d", kind, n, errno)
			t.Run(fmt.Sprintf("%s-%d-%s", kind, n, strings.ReplaceAll(errno.Error(), " ", "-")), func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "journal")
				lines, code := runChild(t, dir, fault, 0)
				if code != ExitFailed {
					t.Errorf("exit code: got %d, want %d", code, ExitFailed)
				}
				faulted := false
				for _, line := range lines {
					// A manifest is written beside the acknowledgements, not before them.
					if faulted && kind != "manifest" && strings.HasPrefix(line, "acked") {
						t.Errorf("I11: %q after the fault", line)
					}
					faulted = faulted || line == "fault"
				}
				if !faulted {
					t.Errorf("no fault was injected in %d lines", len(lines))
				}
				checkChild(t, dir, lines)
			})
		}
	}
}

// TestKill kills a process under load, again and again on one directory (F01).
func TestKill(t *testing.T) {
	t.Parallel()
	rounds := 3
	if long {
		rounds = 30
	}
	dir := filepath.Join(t.TempDir(), "journal")
	for round := range rounds {
		lines, code := runChild(t, dir, "", 20+13*round)
		if code != -1 {
			t.Fatalf("round %d: exit code %d, want death by signal", round, code)
		}
		checkChild(t, dir, lines)
	}
}
