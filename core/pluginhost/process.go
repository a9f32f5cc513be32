package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
)

// Spec says which plugin to run. Path and Log are required.
type Spec struct {
	// Address is the block's, e.g. "twilio.support", for logs and status.
	Address string
	Path    string // the executable
	// Pin, if set, is of Path: only the pinned bytes are run. A *Tampered error
	// says that the file has others.
	Pin     *Pin
	WorkDir string // its working directory; empty means core's
	// SocketDir is a private directory with a short path for the plugin's
	// socket; empty means the system's temporary directory.
	SocketDir string
	Env       []string
	Nice      int // added to core's own niceness; 0 to 19
	Log       zerolog.Logger
	// Mask removes secrets from what the plugin logs. Nil means as it is.
	Mask func(string) string
	// Configure is called after every start, before the plugin is used. A
	// *Rejected error ends Run: starting again would not help.
	Configure func(ctx context.Context, c *sdk.Client) error
	// StartTimeout bounds start, handshake and Configure. Zero means 30 s.
	StartTimeout time.Duration
	// StopGrace is how long a plugin may take to end by itself. Zero means 5 s.
	StopGrace time.Duration
	// MinBackoff and MaxBackoff bound the wait before a restart, which doubles
	// with each failure, with full jitter. Zero means 200 ms and 30 s.
	MinBackoff, MaxBackoff time.Duration

	protocols []int // the versions to offer; nil means those of package wire
}

// Rejected says that a plugin refused its configuration.
type Rejected struct{ Diagnostics []*wire.Diagnostic }

func (r *Rejected) Error() string {
	said := "configuration refused"
	for _, d := range r.Diagnostics {
		if d.Severity != wire.Diagnostic_SEVERITY_ERROR {
			continue
		}
		for _, part := range []string{d.Path, d.Summary, d.Detail} {
			if part != "" {
				said += ": " + part
			}
		}
		break
	}
	return said
}

// State says where a Process stands.
type State string

// The states.
const (
	Starting  State = "starting"
	Running   State = "running"
	Backoff   State = "backoff"    // died, waits before it is started again
	CrashLoop State = "crash_loop" // like Backoff, after crashLoopAfter deaths in a row
	Stopped   State = "stopped"
)

const (
	// crashLoopAfter deaths, none of which followed stableAfter of running, are
	// a crash loop.
	crashLoopAfter = 5
	stableAfter    = time.Minute
)

// Status is a Process's state for people.
type Status struct {
	State     State     `json:"state"`
	PID       string    `json:"pid,omitempty"`
	Since     time.Time `json:"since"`
	Restarts  int       `json:"restarts"`
	LastError string    `json:"last_error,omitempty"`
}

// Process is one supervised plugin.
type Process struct {
	spec Spec

	mu       sync.Mutex
	status   Status
	client   *sdk.Client
	instance *instance
	changed  chan struct{} // closed and replaced whenever status or client change
}

// New returns a Process that Run will start.
func New(spec Spec) *Process {
	if spec.StartTimeout == 0 {
		spec.StartTimeout = 30 * time.Second
	}
	if spec.StopGrace == 0 {
		spec.StopGrace = 5 * time.Second
	}
	if spec.MinBackoff == 0 {
		spec.MinBackoff = 200 * time.Millisecond
	}
	if spec.MaxBackoff == 0 {
		spec.MaxBackoff = 30 * time.Second
	}
	if spec.protocols == nil {
		spec.protocols = wire.Protocols()
	}
	return &Process{
		spec: spec, changed: make(chan struct{}),
		status: Status{State: Starting, Since: time.Now()},
	}
}

// Address is the address of the block that the process serves.
func (p *Process) Address() string { return p.spec.Address }

// Status returns where the process stands.
func (p *Process) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

func (p *Process) set(state State, inst *instance, client *sdk.Client, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status.State, p.status.Since, p.status.PID = state, time.Now(), ""
	if inst != nil {
		p.status.PID = inst.proc.ID()
	}
	if err != nil {
		p.status.LastError = err.Error()
	}
	p.instance, p.client = inst, client
	close(p.changed)
	p.changed = make(chan struct{})
}

// ErrStopped is returned by Client once Run has ended.
var ErrStopped = errors.New("pluginhost: stopped")

// Client returns a client of the running plugin, and waits for one until ctx
// ends or Run does.
func (p *Process) Client(ctx context.Context) (*sdk.Client, error) {
	for {
		p.mu.Lock()
		c, state, changed := p.client, p.status.State, p.changed
		p.mu.Unlock()
		if c != nil {
			return c, nil
		}
		if state == Stopped {
			return nil, ErrStopped
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Fault ends the running plugin because it no longer answers or breaks the
// protocol; Run starts it again. c is the client that showed it: a newer
// instance is left alone.
func (p *Process) Fault(c *sdk.Client, reason error) {
	inst := p.withdraw(c)
	if inst == nil {
		return
	}
	p.spec.Log.Warn().Str("plugin", p.spec.Address).Err(reason).Msg("plugin at fault, ending it")
	_ = inst.proc.Kill(context.Background())
}

// withdraw hands c out no more: whoever asks waits for the next instance. It
// returns c's instance, or nil if c was withdrawn before.
func (p *Process) withdraw(c *sdk.Client) *instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c == nil || c != p.client {
		return nil
	}
	p.client = nil
	return p.instance
}

// Run keeps the plugin running until ctx ends, then stops it and returns nil. A
// *Rejected error means that the plugin refused its configuration.
func (p *Process) Run(ctx context.Context) error {
	defer p.set(Stopped, nil, nil, nil)
	failures := 0
	for {
		began := time.Now()
		p.set(Starting, nil, nil, nil)
		err := p.once(ctx)
		var rejected *Rejected
		if errors.As(err, &rejected) {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > stableAfter {
			failures = 0
		}
		failures++
		if !p.backoff(ctx, failures, err) {
			return nil
		}
	}
}

func (p *Process) backoff(ctx context.Context, failures int, err error) bool {
	state := Backoff
	if failures >= crashLoopAfter {
		state = CrashLoop
	}
	p.set(state, nil, nil, err)
	p.mu.Lock()
	p.status.Restarts++
	p.mu.Unlock()
	limit := min(p.spec.MaxBackoff, p.spec.MinBackoff<<min(failures-1, 20))
	wait := limit/2 + rand.N(limit/2+1)
	p.spec.Log.Warn().Str("plugin", p.spec.Address).Err(err).Int("failures", failures).
		Int64("wait_ms", wait.Milliseconds()).Bool("crash_loop", state == CrashLoop).Msg("plugin ended, will start it again")
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// once runs one instance from start to end. It returns why it ended.
func (p *Process) once(ctx context.Context) error {
	inst, err := launch(ctx, &p.spec)
	if err != nil {
		return err
	}
	defer inst.close()
	startCtx, cancel := context.WithTimeout(ctx, p.spec.StartTimeout)
	client := sdk.NewClient(inst.conn)
	if p.spec.Configure != nil {
		err = p.spec.Configure(startCtx, client)
	}
	cancel()
	if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	p.set(Running, inst, client, nil)
	p.spec.Log.Info().Str("plugin", p.spec.Address).Str("pid", inst.proc.ID()).Msg("plugin running")
	select {
	case <-inst.proc.exited:
	case <-ctx.Done():
	}
	// Nobody gets the client of a connection that is about to be closed.
	p.withdraw(client)
	if ctx.Err() == nil {
		return fmt.Errorf("plugin ended: %s", inst.proc.exit())
	}
	inst.stop(client, p.spec.StopGrace)
	return nil
}

// instance is one started plugin with its connection.
type instance struct {
	gp   *goplugin.Client
	proc *process
	conn *grpc.ClientConn
	dir  string // for its socket
}

// clientPlugin hands out the raw connection.
type clientPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (clientPlugin) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error {
	return errors.New("pluginhost: core serves no plugin")
}

func (clientPlugin) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return c, nil
}

// launch starts a plugin. The end of ctx ends one that has not shaken hands yet.
func launch(ctx context.Context, spec *Spec) (*instance, error) {
	id, err := NewIdentity(time.Now())
	if err != nil {
		return nil, err
	}
	inst := &instance{}
	stop := func() bool { return true }
	defer func() { stop() }()
	inst.gp = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  wire.PluginHandshake,
		VersionedPlugins: offered(spec.protocols),
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		TLSConfig:        id.tls(), SkipHostEnv: true, StartTimeout: spec.StartTimeout,
		Logger: hclog.NewNullLogger(), GRPCDialOptions: wire.DialOptions(),
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: spec.SocketDir},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, dir string) (runner.Runner, error) {
			inst.dir = dir
			cmd.Env = append(cmd.Env, EnvClientCert+"="+id.PEM)
			proc, err := newProcess(cmd, spec)
			if err != nil {
				return nil, err
			}
			inst.proc = proc
			stop = context.AfterFunc(ctx, func() { _ = proc.Kill(ctx) })
			return proc, nil
		},
	})
	proto, err := inst.gp.Client()
	if err != nil {
		inst.close()
		if old := incompatible(err, spec); old != nil {
			return nil, old
		}
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	raw, err := proto.Dispense(wire.PluginKey)
	if err != nil {
		inst.close()
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	inst.conn = raw.(*grpc.ClientConn)
	return inst, nil
}

// stop asks the plugin to end, and ends it if it does not.
func (i *instance) stop(c *sdk.Client, grace time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	_ = c.Stop(ctx)
	done := make(chan struct{})
	go func() {
		i.gp.Kill() // go-plugin's shutdown call, two seconds of patience, then a kill
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		_ = i.proc.Kill(context.Background())
		<-done
	}
}

// close kills what is left and waits for go-plugin's goroutines.
func (i *instance) close() {
	if i.proc != nil {
		_ = i.proc.Kill(context.Background())
	}
	i.gp.Kill()
	if i.dir != "" {
		_ = os.RemoveAll(i.dir) // Kill leaves it where no process was started (I17)
	}
}
