package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/core/receiver"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// source is one configured source with its plugin.
type source struct {
	cfg  *config.Source // as it was when the plugin was started
	proc *pluginhost.Process
	task *task
	raw  *journal.Log
	// configured is called with every answer to Configure.
	configured func()

	answered chan struct{} // closed with the first answer
	ended    error         // why the plugin ended by itself; for who has seen task end

	// serving says that the receiver knows what the plugin answered: before, a
	// request is answered as under pressure.
	serving atomic.Bool

	patience time.Duration // for a call of verify
	verified atomic.Uint64 // requests that the plugin judged

	mu   sync.Mutex
	resp *wire.ConfigureSourceResponse
}

func (s *source) request() *wire.ConfigureRequest {
	return &wire.ConfigureRequest{Type: s.cfg.Type, Name: s.cfg.Name, ConfigJson: s.cfg.ConfigJSON}
}

// configure is the plugin's Configure hook.
func (s *source) configure(ctx context.Context, c *sdk.Client) error {
	resp, err := c.ConfigureSource(ctx, s.request())
	if err != nil {
		return err
	}
	for _, d := range resp.Diagnostics {
		if d.Severity == wire.Diagnostic_SEVERITY_ERROR {
			return &pluginhost.Rejected{Diagnostics: resp.Diagnostics}
		}
	}
	if resp.Auth == nil {
		return fmt.Errorf("%w: no authentication scheme", sdk.ErrProtocol)
	}
	s.mu.Lock()
	if s.resp == nil {
		close(s.answered)
	}
	s.resp = resp
	s.mu.Unlock()
	s.configured()
	return nil
}

// answer is what the plugin last said, nil if it was never configured.
func (s *source) answer() *wire.ConfigureSourceResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resp
}

// open reports whether the source authenticates nothing by choice.
func (s *source) open() bool {
	a := s.answer()
	return a != nil && a.Auth.GetNone() != nil
}

// endpoint is the source's place on the receiver, as src says today.
func (s *source) endpoint(src *config.Source, c *config.Config) receiver.Config {
	r := receiver.Config{
		Source: src.Address, Path: src.Path, PublicURL: src.PublicURL, MaxBody: src.MaxBody,
		Quarantine: src.OnAuthFailure == config.Quarantine, Log: s.raw, Verify: s.verify,
		Allow: src.Allow, ClientCertificate: src.ClientCertificate, MaxRate: src.MaxRate,
		Proxies: receiver.Proxies{Trusted: c.Receiver.TrustedProxies, Header: c.Receiver.ForwardedHeader},
	}
	if len(r.Allow) == 0 {
		r.Allow = c.Receiver.Allow
	}
	if r.PublicURL == "" {
		// Nobody said how providers reach us: then it is as we listen.
		r.PublicURL = c.Receiver.Scheme() + "://" + c.Receiver.Listen + src.Path
	}
	if r.MaxBody == 0 {
		r.MaxBody = c.Receiver.MaxBody
	}
	if a := s.answer(); a != nil {
		r.Auth, r.Endpoint = a.Auth, a.Endpoint
	}
	return r
}

// How long a request waits for a plugin that authenticates it. Providers wait for
// their answer for 5 to 15 s, and come again after a 503.
const (
	verifierWait  = 2 * time.Second // until it runs
	verifyTimeout = 5 * time.Second // until it answers
)

// verify has the plugin judge a request that only it can.
func (s *source) verify(ctx context.Context, framed []byte) (bool, error) {
	waitCtx, cancel := context.WithTimeout(ctx, verifierWait)
	defer cancel()
	c, err := s.proc.Client(waitCtx)
	if err != nil {
		return false, err
	}
	before := s.verified.Load()
	callCtx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	ok, err := c.Verify(callCtx, [][]byte{framed}, 1)
	if err != nil {
		// A plugin that answers others meanwhile has much to do, or trouble with this
		// request alone: it is not ended for that (I13).
		hangs := status.Code(err) == codes.DeadlineExceeded && s.verified.Load() == before
		if hangs || errors.Is(err, sdk.ErrProtocol) || errors.Is(err, sdk.ErrWire) {
			s.proc.Fault(c, err)
		}
		return false, err
	}
	s.verified.Add(1)
	return ok[0], nil
}
