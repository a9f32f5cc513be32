package engine

import (
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"github.com/patchbay-io/patchbay/core/pluginhost"
)

// A machine of few processors gets more threads than that, unless somebody chose;
// the receiver counts processors all the same.
func TestShareProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	for _, c := range []struct {
		set         string
		found, want int
	}{{"", 1, 4}, {"", 2, 4}, {"", 4, 4}, {"", 9, 9}, {"1", 1, 1}, {"2", 2, 2}} {
		t.Setenv("GOMAXPROCS", c.set)
		runtime.GOMAXPROCS(c.found)
		if got := ShareProcessors(); got != c.found {
			t.Errorf("%+v: got %d processors, want %d", c, got, c.found)
		}
		if got := runtime.GOMAXPROCS(0); got != c.want {
			t.Errorf("%+v: got %d threads, want %d", c, got, c.want)
		}
	}
}

// Plugins give way to acknowledgements.
func TestPluginsAreNice(t *testing.T) {
	ctx := testContext(t)
	r := startRig(ctx, t, one)
	g := r.graph.Load()
	for address, status := range map[string]func() pluginhost.Status{
		"numbers.a": g.sources["numbers.a"].proc.Status, "lines.x": g.sinks["lines.x"].proc.Status,
	} {
		r.until(ctx, t, "plugin of "+address, func() bool { return status().PID != "" })
		pid, err := strconv.Atoi(status().PID)
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		// The system call adds 20 to what is less than nice, so that no result is an error.
		got, err := syscall.Getpriority(syscall.PRIO_PROCESS, pid)
		if err != nil || 20-got != pluginNice {
			t.Errorf("%s: niceness: got %d, %v, want %d", address, 20-got, err, pluginNice)
		}
	}
}
