package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/core/receiver"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
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

func (s *source) verify(ctx context.Context, framed []byte) (bool, error) {
	c, err := s.proc.Client(ctx)
	if err != nil {
		return false, err
	}
	ok, err := c.Verify(ctx, [][]byte{framed}, 1)
	if err != nil {
		return false, err
	}
	return ok[0], nil
}
