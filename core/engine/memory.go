package engine

import (
	"os"
	"runtime"
	"runtime/debug"
)

// memoryTarget is what core's memory should stay under, in bytes. The journal's
// memtables and cache are most of it and do not grow with the backlog; the
// collector is told to work harder near the target rather than let garbage pile
// up beside them.
const memoryTarget = 248 << 20

// LimitMemory sets the collector's target for the whole process, unless the
// environment sets one.
func LimitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryTarget)
	}
}

// minProcs is the least number of threads that run Go code at once. The Go
// scheduler lets a goroutine run for 10 ms before another gets its turn, so that
// a flush and a compaction of the journal hold up every request on a machine with
// two processors. With more threads than processors the kernel chooses between
// them, and gives one that was woken its turn at once.
const minProcs = 4

// ShareProcessors sees to it that background work delays no acknowledgement on a
// small machine, unless the environment says how many threads there are to be. It
// returns how many processors there are, or are allowed: what the runtime found
// before it was told otherwise.
func ShareProcessors() int {
	found := runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" && found < minProcs {
		runtime.GOMAXPROCS(minProcs)
	}
	return found
}
