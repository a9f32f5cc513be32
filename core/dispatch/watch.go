package dispatch

import (
	"github.com/patchbay-io/patchbay/core/staged"
	"github.com/patchbay-io/patchbay/core/tap"
)

// The places of a sink for a tap.
const (
	placeDelivered = "delivered"
	placeRetry     = "retry"  // it will be written again
	placeFailed    = "failed" // it became a dead letter
)

// show shows what became of an item, if somebody watches.
func (d *Dispatcher) show(res *result, it *item, place, detail string) {
	if res.rec == nil {
		return
	}
	spot := res.rec.At("sink."+d.o.SinkName+":"+place, false)
	if spot == nil {
		return
	}
	e, err := staged.Event(it.entry.Body)
	if err != nil {
		return // the sink was told of it in the same form
	}
	spot.Add(e, tap.Note{Outcome: place, Detail: detail, Sinks: []string{d.o.SinkName}})
}
