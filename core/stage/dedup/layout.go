package dedup

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/patchbay-io/patchbay/core/journal"
)

// layout says what the numbers of buckets mean.
type layout struct {
	// Width is that of the buckets which Ends does not have.
	Width time.Duration `json:"width"`
	// Ends are when the buckets end that were made with another width, or that
	// took the marks of later times too, in nanoseconds since the epoch.
	Ends map[uint32]int64 `json:"ends,omitempty"`
}

// end is when a bucket ends at the latest. Two widths may give one number: then
// the bucket holds marks of both.
func (l *layout) end(bucket uint32) time.Time {
	return time.Unix(0, max((int64(bucket)+1)*int64(l.Width), l.Ends[bucket]))
}

func (l *layout) compareEnds(a, b uint32) int { return l.end(a).Compare(l.end(b)) }

// stretch makes a bucket end no sooner than another, later one.
func (l *layout) stretch(bucket, until uint32) {
	if l.Ends == nil {
		l.Ends = map[uint32]int64{}
	}
	l.Ends[bucket] = max(l.Ends[bucket], (int64(until)+1)*int64(l.Width))
}

// layoutName is the name of the cursor in which a namespace's layout is kept: it
// must become durable together with the marks that it is about (I7).
func layoutName(ns uint32) string { return fmt.Sprint("dedup/", ns) }

// readLayout finds what the buckets that are there mean, for a stage with that
// width. Marks without a layout are older than layouts are, and were made with
// buckets half a window wide.
func readLayout(j *journal.Journal, ns uint32, window, width time.Duration, buckets []uint32) (layout, error) {
	l := layout{Width: window / 2}
	if v := j.Cursor(layoutName(ns)).Extra; len(v) > 0 {
		if err := json.Unmarshal(v, &l); err != nil || l.Width <= 0 {
			return l, fmt.Errorf("%w: layout of dedup marks", journal.ErrCorrupt)
		}
	}
	if l.Width == width {
		return l, nil
	}
	next := layout{Width: width, Ends: map[uint32]int64{}}
	for _, b := range buckets {
		next.Ends[b] = l.end(b).UnixNano()
	}
	return next, nil
}

// encode gives the same bytes for the same layout.
func (l *layout) encode() []byte {
	v, _ := json.Marshal(l) // cannot fail: numbers
	return v
}
