package dispatch

import (
	"fmt"

	"github.com/patchbay-io/patchbay/sdk"
)

// Codes of dead letters that core makes of events that a sink did not refuse.
const (
	CodeWriteFailed = "write_failed" // fails alone while others get through
	CodeGaveUp      = "gave_up"      // tried as often as on_failure allows
	CodeTooOld      = "too_old"      // not written within on_failure's max_age
)

// postpone has an event tried again that the sink spoke about, unless it has been
// tried as often, or has waited as long, as the pipeline allows.
func (d *Dispatcher) postpone(res *result, it *item, o sdk.Outcome) error {
	d.retryItem(res, it, o.Reason, o.Wait)
	it.tries++
	if d.o.Attempts > 0 && it.tries >= d.o.Attempts {
		d.deadLetter(res, it, CodeGaveUp, fmt.Sprintf("tried %d times: %s", it.tries, o.Reason))
		return nil
	}
	old, err := d.tooOld(res, it)
	if old {
		d.deadLetter(res, it, CodeTooOld, o.Reason)
	}
	return err
}

// expire makes dead letters of those events of a failed batch that have waited as
// long as the pipeline allows. A batch that must be repeated as it was ends as a
// whole, once its youngest event is old enough: without some of its events it
// would be another batch to the sink, and the rest could take effect twice (I4).
func (d *Dispatcher) expire(res *result, batch []*item, cause error) error {
	if d.o.MaxAge == 0 {
		return nil
	}
	var old []*item
	open := 0
	for _, it := range batch {
		if it.done {
			continue
		}
		open++
		is, err := d.tooOld(res, it)
		if err != nil {
			return err
		}
		if is {
			old = append(old, it)
		}
	}
	if d.plan != nil {
		if len(old) < open {
			return nil
		}
		d.plan = nil
	}
	for _, it := range old {
		d.deadLetter(res, it, CodeTooOld, cause.Error())
	}
	return nil
}

// tooOld reports whether an event was staged longer ago than the pipeline allows.
func (d *Dispatcher) tooOld(res *result, it *item) (bool, error) {
	if d.o.MaxAge == 0 {
		return false, nil
	}
	if it.stagedAt.IsZero() {
		at, err := d.o.Staged.StoredAt(it.entry.Offset)
		if err != nil {
			return false, err
		}
		it.stagedAt = at
	}
	return !res.now.Before(it.stagedAt.Add(d.o.MaxAge)), nil
}
