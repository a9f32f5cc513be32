package journal

import (
	"fmt"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var tf, _ = os.OpenFile("/tmp/trace", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)

func Trace(f string, a ...any) {
	fmt.Fprintf(tf, "%s core %s\n", time.Now().Format("05.000"), fmt.Sprintf(f, a...))
}

type traceFile struct {
	vfs.File
	name string
}

func (t traceFile) SyncData() error {
	t0 := time.Now()
	err := t.File.SyncData()
	if d := time.Since(t0); d > 8*time.Millisecond {
		Trace("SyncData %v %s", d, t.name)
	}
	return err
}
func (t traceFile) SyncTo(n int64) (bool, error) {
	t0 := time.Now()
	b, err := t.File.SyncTo(n)
	if d := time.Since(t0); d > 8*time.Millisecond {
		Trace("SyncTo %v %s", d, t.name)
	}
	return b, err
}
func (t traceFile) Sync() error {
	t0 := time.Now()
	err := t.File.Sync()
	if d := time.Since(t0); d > 8*time.Millisecond {
		Trace("Sync %v %s", d, t.name)
	}
	return err
}
func (t traceFile) Write(p []byte) (int, error) {
	t0 := time.Now()
	n, err := t.File.Write(p)
	if d := time.Since(t0); d > 8*time.Millisecond {
		Trace("Write %v %s %d", d, t.name, len(p))
	}
	return n, err
}
