package dispatch

import (
	"math/rand/v2"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// breaker keeps a destination that is down from being hammered. While it is
// open nothing is written; then one batch tries, and decides.
type breaker struct {
	max      time.Duration
	failures int
	until    time.Time
}

// pauseHuman is the least wait after a failure that a person must mend.
const pauseHuman = 5 * time.Second

// open opens the breaker and returns when it will let a batch try.
func (b *breaker) open(now time.Time, f *sdk.Failure) time.Time {
	b.failures++
	wait := jitter(b.failures, b.max)
	switch f.Class {
	case sdk.AuthFailed, sdk.Misconfigured:
		wait = max(wait, pauseHuman+rand.N(pauseHuman))
	case sdk.Throttled, sdk.Transient:
	}
	if f.Wait > 0 {
		wait = f.Wait // exactly what the server asked for
	}
	b.until = now.Add(wait)
	return b.until
}

// pause waits a little before smaller batches are tried: it may be one event
// that fails, and the others should not wait for long.
func (b *breaker) pause(now time.Time) time.Time {
	b.failures++
	b.until = now.Add(jitter(min(b.failures, 3), b.max))
	return b.until
}

func (b *breaker) close() { b.failures, b.until = 0, time.Time{} }
