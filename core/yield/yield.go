// Package yield has work that can wait give way to acknowledgements.
//
// A request must be on disk before it is answered; what is made of it may come
// later. Both want the same processors. While the receiver is busy, whatever
// works in the background therefore rests after each step. It does not fall
// behind for ever: the older what it works on has become, the less it rests, and
// from Behind on not at all. So a burst is acknowledged fast, and a load that
// lasts is worked off as it comes if the machine can bear it.
package yield

import "time"

// Behind is the age of what is worked on from which a worker rests no more.
const Behind = 5 * time.Second

const (
	// mostRest is how long a worker rests after work on what is new, in multiples
	// of that work.
	mostRest = 4
	// maxRest bounds a rest, whatever the work took: a machine that stood still
	// makes no worker stand still.
	maxRest = 250 * time.Millisecond
)

// Rest returns how long to rest after a step that took so long, on something that
// was stored that long ago. Clocks are set back and forth: what took less than
// nothing took nothing, and what is stored in the future is new.
func Rest(took, age time.Duration) time.Duration {
	took, age = min(max(took, 0), maxRest), min(max(age, 0), Behind)
	return min(time.Duration(float64(took)*mostRest*(1-float64(age)/float64(Behind))), maxRest)
}
