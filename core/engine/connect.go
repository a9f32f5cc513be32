package engine

import (
	"context"
	"sync"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/sdk"
)

// Connection is how an attempt to reach a sink's destination ended.
type Connection struct {
	Sink string // its address
	Err  error  // nil: the destination is there and lets us in
}

// connectAtOnce is how many destinations are tried at the same time.
const connectAtOnce = 8

// Connect opens each sink as a run does, closes it again, and returns how that
// went, in the order of the configuration. Unlike Check it reaches beyond the
// plugins: destinations see a login, and a sink may create what it needs and does
// not find. Sinks without their secrets are left out. It takes half a minute at
// most for every connectAtOnce sinks.
func (e *Engine) Connect(ctx context.Context) []Connection {
	var sinks []*config.Sink
	for _, c := range e.first.cfg.Sinks {
		if !c.MissingSecrets {
			sinks = append(sinks, c)
		}
	}
	out := make([]Connection, len(sinks))
	turn := make(chan struct{}, connectAtOnce)
	var wg sync.WaitGroup
	for i, c := range sinks {
		wg.Add(1)
		go func() {
			defer wg.Done()
			turn <- struct{}{}
			defer func() { <-turn }()
			out[i] = Connection{Sink: c.Address, Err: e.connect(ctx, c)}
		}()
	}
	wg.Wait()
	return out
}

func (e *Engine) connect(ctx context.Context, c *config.Sink) error {
	spec, err := e.spec(e.first, "sink", c.Type, c.Address)
	if err != nil {
		return err
	}
	spec.StartTimeout = openTimeout + closeTimeout + 5*time.Second // of all that is asked
	return pluginhost.Ask(ctx, spec, func(ctx context.Context, cl *sdk.Client) error {
		if err := openSink(ctx, cl, &sink{cfg: c}); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, closeTimeout)
		defer cancel()
		return cl.CloseSink(ctx)
	})
}
