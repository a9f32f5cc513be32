package pluginhost

import (
	"context"

	"github.com/patchbay-io/patchbay/sdk"
)

// Instance is one plugin without supervision: when it ends, nobody starts it
// again. It is for those who look at a plugin, or break it.
type Instance struct {
	spec   Spec
	inst   *instance
	client *sdk.Client
}

// Start starts the plugin at spec.Path. Configure is not called. The caller ends
// it with Stop or Kill.
func Start(ctx context.Context, spec Spec) (*Instance, error) {
	spec = New(spec).spec
	inst, err := launch(ctx, &spec)
	if err != nil {
		return nil, err
	}
	return &Instance{spec: spec, inst: inst, client: sdk.NewClient(inst.conn)}, nil
}

// Client speaks to the plugin.
func (i *Instance) Client() *sdk.Client { return i.client }

// Stop asks the plugin to end, and ends it if it does not within spec.StopGrace.
func (i *Instance) Stop() {
	i.inst.stop(i.client, i.spec.StopGrace)
	i.inst.close()
}

// Kill ends the plugin and what it has started with SIGKILL, and waits for that.
// Calls in flight fail.
func (i *Instance) Kill() error {
	err := i.inst.proc.Kill(context.Background())
	<-i.inst.proc.exited
	i.inst.close()
	return err
}
