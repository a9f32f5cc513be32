package dispatch

import (
	"slices"
	"time"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/staged"
	"github.com/patchbay-io/patchbay/sdk"
	"google.golang.org/protobuf/encoding/protowire"
)

// item is an event in hand.
type item struct {
	entry     journal.Entry
	meta      staged.Meta
	attempts  int       // writes that did not end in done
	notBefore time.Time // zero: at once
	maybe     bool      // an earlier write may have taken effect
	tries     int       // failures that were its own, and not the destination's
	failedAt  time.Time // first failure
	stagedAt  time.Time // zero until it is asked for
	reason    string    // of the last failure
	solo      bool      // failed alone: is written alone, to spoil no other
	done      bool      // resolved above the cursor, not committed away yet
}

// window holds the events in hand, in log order, and knows how far the log was
// read.
type window struct {
	items []*item
	next  uint64 // offset of the next entry to read
	bytes int
	done  map[uint64]bool // read from the cursor at start, not met again yet
}

// add takes an entry that is meant for the sink. It reports false for one that
// was done before a restart.
func (w *window) add(e journal.Entry, m staged.Meta) bool {
	if w.done[e.Offset] {
		delete(w.done, e.Offset)
		w.items = append(w.items, &item{entry: journal.Entry{Offset: e.Offset}, done: true})
		return false
	}
	w.items = append(w.items, &item{entry: e, meta: m})
	w.bytes += len(e.Body)
	return true
}

// settle drops the resolved items at the front and returns the cursor's new
// offset: everything below it has its terminal state (I9).
func (w *window) settle() uint64 {
	n := 0
	for n < len(w.items) && w.items[n].done {
		n++
	}
	w.items = slices.Delete(w.items, 0, n)
	if len(w.items) == 0 {
		return w.next
	}
	return w.items[0].entry.Offset
}

// doneAbove lists what is resolved above the first unresolved item.
func (w *window) doneAbove() []uint64 {
	var out []uint64
	for _, it := range w.items {
		if it.done {
			out = append(out, it.entry.Offset)
		}
	}
	// What was done before a restart and has not been read again counts too.
	for o := range w.done {
		out = append(out, o)
	}
	slices.Sort(out)
	return out
}

// notDone lists the events between the first and the last of offs, which are
// ascending, that are not among them.
func (w *window) notDone(offs []uint64) []uint64 {
	var out []uint64
	for _, it := range w.items {
		if o := it.entry.Offset; o > offs[0] && o < offs[len(offs)-1] {
			if _, ok := slices.BinarySearch(offs, o); !ok {
				out = append(out, o)
			}
		}
	}
	return out
}

// resolve marks an item and gives its bytes back.
func (w *window) resolve(it *item) {
	it.done = true
	w.bytes -= len(it.entry.Body)
	it.entry.Body, it.entry.Meta = nil, nil
}

// due picks the items to write now, in order, within the bounds. An event whose
// message has an earlier event that must wait, waits too (I5). wake is when the
// next item that waits is due, zero if none waits.
func (w *window) due(now time.Time, maxEvents, maxBytes int) (batch []*item, wake time.Time) {
	var blocked map[uint64]bool
	size := 0
	for _, it := range w.items {
		if it.done || blocked[it.meta.Order] {
			continue
		}
		full := len(batch) >= maxEvents || (len(batch) > 0 && size+len(it.entry.Body) > maxBytes)
		waits := it.notBefore.After(now)
		if full || waits {
			if waits && (wake.IsZero() || it.notBefore.Before(wake)) {
				wake = it.notBefore
			}
			if blocked == nil {
				blocked = map[uint64]bool{}
			}
			blocked[it.meta.Order] = true
			if full {
				break
			}
			continue
		}
		if it.solo {
			if len(batch) == 0 {
				return []*item{it}, time.Time{}
			}
			// Its turn comes once what stands before it is settled.
			if blocked == nil {
				blocked = map[uint64]bool{}
			}
			blocked[it.meta.Order] = true
			continue
		}
		batch = append(batch, it)
		size += len(it.entry.Body)
	}
	return batch, wake
}

// parts are the bodies of a batch as they travel, flags included.
func parts(batch []*item) [][]byte {
	es := make([]journal.Entry, len(batch))
	for i, it := range batch {
		es[i] = it.entry
		if it.maybe {
			es[i].Body = flagged(it.entry.Body)
		}
	}
	return journal.Runs(es)
}

// flagged is a framed event with MaybeWritten set.
func flagged(body []byte) []byte {
	inner, err := staged.Unframe(body)
	if err != nil {
		return body // the sink will say what is wrong with it
	}
	flag := (&sdk.Event{MaybeWritten: true}).AppendWire(nil)
	out := protowire.AppendTag(make([]byte, 0, len(body)+16), 1, protowire.BytesType)
	out = protowire.AppendVarint(out, uint64(len(inner)+len(flag)))
	return append(append(out, inner...), flag...)
}
