package engine

import (
	"context"
	"errors"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	openTimeout  = 30 * time.Second
	writeTimeout = 30 * time.Second
	closeTimeout = 5 * time.Second
)

// sink is one configured sink with its plugin. It puts the calls of all
// dispatchers in a row, and opens each new instance of the plugin before use.
type sink struct {
	cfg     *config.Sink
	proc    *pluginhost.Process
	task    *task
	timeout time.Duration
	gate    chan struct{}
	opened  *sdk.Client // guarded by gate
}

func newSink(c *config.Sink, p *pluginhost.Process) *sink {
	s := &sink{cfg: c, proc: p, timeout: writeTimeout, gate: make(chan struct{}, 1)}
	if ms := c.Info.GetSink().GetWriteTimeoutMs(); ms > 0 {
		s.timeout = time.Duration(ms) * time.Millisecond
	}
	return s
}

func (s *sink) request(checkOnly bool) *wire.ConfigureRequest {
	return &wire.ConfigureRequest{Type: s.cfg.Type, Name: s.cfg.Name, ConfigJson: s.cfg.ConfigJSON, CheckOnly: checkOnly}
}

// Write implements dispatch.Sink. ctx ends the wait for the plugin; a call that
// has begun is finished within its own time, so that its outcome is known.
func (s *sink) Write(ctx context.Context, parts [][]byte, n int, batchID, pipeline string) ([]sdk.Outcome, error) {
	select {
	case s.gate <- struct{}{}:
		defer func() { <-s.gate }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c, err := s.proc.Client(ctx)
	if errors.Is(err, pluginhost.ErrStopped) {
		return nil, &sdk.Failure{Class: sdk.Misconfigured, Code: "plugin_stopped", Err: err}
	}
	if err != nil {
		return nil, err
	}
	if s.opened != c {
		if err := s.open(ctx, c); err != nil {
			return nil, err
		}
		s.opened = c
	}
	callCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	defer cancel()
	out, err := c.Write(callCtx, parts, n, batchID, pipeline)
	s.blame(c, err)
	return out, err
}

// blame ends a plugin that does not answer or lies (I13).
func (s *sink) blame(c *sdk.Client, err error) {
	if errors.Is(err, sdk.ErrProtocol) || errors.Is(err, sdk.ErrWire) || status.Code(err) == codes.DeadlineExceeded {
		s.proc.Fault(c, err)
	}
}

func (s *sink) open(ctx context.Context, c *sdk.Client) error {
	err := openSink(context.WithoutCancel(ctx), c, s)
	s.blame(c, err)
	return err
}

// openSink opens s with the plugin that c speaks to. The error is a *sdk.Failure.
func openSink(ctx context.Context, c *sdk.Client, s *sink) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	resp, err := c.OpenSink(ctx, s.request(false))
	if err != nil {
		return &sdk.Failure{Class: sdk.Transient, Code: "open", Err: err}
	}
	for _, d := range resp.Diagnostics {
		if d.Severity == wire.Diagnostic_SEVERITY_ERROR {
			return &sdk.Failure{Class: sdk.Misconfigured, Code: "configuration", Err: &pluginhost.Rejected{Diagnostics: resp.Diagnostics}}
		}
	}
	return sdk.OpenFailure(resp)
}

// close closes what is open, once no dispatcher writes any more.
func (s *sink) close() error {
	s.gate <- struct{}{}
	defer func() { <-s.gate }()
	if s.opened == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	c := s.opened
	s.opened = nil
	return c.CloseSink(ctx)
}
