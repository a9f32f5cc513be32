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

// place names a place of a sink for a tap.
func place(sink, name string) string { return "sink." + sink + ":" + name }

// Places names the places of a sink for a tap.
func Places(sink string) (out []tap.Place) {
	for _, name := range []string{placeDelivered, placeRetry, placeFailed} {
		out = append(out, tap.Place{Name: place(sink, name)})
	}
	return out
}

// show shows what became of an item, if somebody watches.
func (d *Dispatcher) show(res *result, it *item, outcome, detail string) {
	if res.rec == nil {
		return
	}
	spot := res.rec.At(place(d.o.SinkName, outcome), false)
	if spot == nil {
		return
	}
	e, err := staged.Event(it.entry.Body)
	if err != nil {
		return // the sink was told of it in the same form
	}
	spot.Add(e, tap.Note{Outcome: outcome, Detail: detail, Sinks: []string{d.o.SinkName}})
}
