package engine

import (
	"os"
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
