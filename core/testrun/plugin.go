package testrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"github.com/rs/zerolog"
)

// Plugins finds the program that serves a type of source.
type Plugins interface {
	// Launch says in spec how to start it. False means that there is none.
	Launch(kind, name string, spec *pluginhost.Spec) bool
}

// startTimeout bounds how long a plugin may take until it can parse.
const startTimeout = 20 * time.Second

// plugins are the processes of a run, one for each way in which a source is
// configured.
type plugins struct {
	find Plugins
	dir  string // of the configuration
	log  zerolog.Logger
	mask func(string) string

	ctx context.Context // ends the processes; the run owns it
	wg  sync.WaitGroup

	mu      sync.Mutex
	started map[string]*plugin // by address and configuration
}

// plugin is one process.
type plugin struct {
	proc  *pluginhost.Process
	ended chan struct{} // closed when Run has returned err
	err   error
	// turn is held while requests are parsed: the contract has one call at a
	// time, and tests run side by side.
	turn sync.Mutex

	mu   sync.Mutex
	resp *wire.ConfigureSourceResponse
}

// get returns the running plugin of a source, with the test's secrets.
func (ps *plugins) get(ctx context.Context, s *config.Source, t *config.Test) (*plugin, error) {
	secrets := t.Secrets
	if t.Authenticate && s.MissingSecrets && len(secrets) == 0 {
		return nil, fmt.Errorf("the secrets of %s are not set here, so nothing can be authenticated: set them, or write secrets = { NAME = \"value\" } in the test", s.Context())
	}
	configJSON, err := configure(s, secrets)
	if err != nil {
		return nil, err
	}
	p, err := ps.start(s, configJSON)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if _, err := p.proc.Client(ctx); err == nil {
		return p, nil
	} else if !errors.Is(err, pluginhost.ErrStopped) {
		return nil, fmt.Errorf("the plugin of %s does not run: %s", s.Context(), p.proc.Status().LastError)
	}
	<-p.ended
	var rejected *pluginhost.Rejected
	if errors.As(p.err, &rejected) && s.MissingSecrets && len(secrets) == 0 {
		return nil, fmt.Errorf("the plugin of %s: %s; its secrets are not set here, so give the test what it needs: secrets = { NAME = \"value\" }", s.Context(), rejected.Error())
	}
	return nil, fmt.Errorf("the plugin of %s: %w", s.Context(), p.err)
}

func (ps *plugins) start(s *config.Source, configJSON []byte) (*plugin, error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	key := s.Address + "\x00" + string(configJSON)
	if p := ps.started[key]; p != nil {
		return p, nil
	}
	p := &plugin{ended: make(chan struct{})}
	req := &wire.ConfigureRequest{Type: s.Type, Name: s.Name, ConfigJson: configJSON}
	spec := pluginhost.Spec{
		Address: s.Address, WorkDir: ps.dir, Log: ps.log, Mask: ps.mask, StartTimeout: startTimeout,
		StopGrace: time.Second, Configure: func(ctx context.Context, c *sdk.Client) error { return p.configure(ctx, c, req) },
	}
	if !ps.find.Launch("source", s.Type, &spec) {
		return nil, fmt.Errorf("no plugin serves source type %q", s.Type)
	}
	p.proc = pluginhost.New(spec)
	ps.started[key] = p
	ps.wg.Add(1)
	go func() {
		defer ps.wg.Done()
		p.err = p.proc.Run(ps.ctx)
		close(p.ended)
	}()
	return p, nil
}

func (p *plugin) configure(ctx context.Context, c *sdk.Client, req *wire.ConfigureRequest) error {
	resp, err := c.ConfigureSource(ctx, req)
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
	p.mu.Lock()
	p.resp = resp
	p.mu.Unlock()
	return nil
}

// said is the plugin's answer to its configuration.
func (p *plugin) said() *wire.ConfigureSourceResponse {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.resp
}

// verifyTimeout bounds how long a plugin may judge a request.
const verifyTimeout = 5 * time.Second

// verify has the plugin judge a request that only it can.
func (p *plugin) verify(ctx context.Context, framed []byte) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	c, err := p.proc.Client(ctx)
	if err != nil {
		return false, err
	}
	ok, err := c.Verify(ctx, [][]byte{framed}, 1)
	if err != nil {
		return false, err
	}
	return ok[0], nil
}

// stranger stands where a secret is needed and none is set, and is the key of
// all tests' tokens. Nothing is ever authenticated with it.
const stranger = "0123456789abcdef0123456789abcdef"

// configure is the source's configuration with the test's secrets put in. What
// is missing otherwise gets the example that the plugin's schema has, or else
// stands for nobody: a plugin must be configured before it parses.
func configure(s *config.Source, secrets map[string]json.RawMessage) ([]byte, error) {
	if len(secrets) == 0 && !s.MissingSecrets {
		return s.ConfigJSON, nil
	}
	var args map[string]json.RawMessage
	if err := json.Unmarshal(s.ConfigJSON, &args); err != nil {
		return nil, fmt.Errorf("testrun: configuration of %s: %w", s.Address, err)
	}
	for name, value := range secrets {
		args[name] = value
	}
	if s.MissingSecrets {
		for _, a := range s.Info.GetSchema().GetAttributes() {
			if string(args[a.Name]) != `""` {
				continue
			}
			value := a.Example
			if a.Sensitive || value == "" {
				value = stranger
			}
			args[a.Name], _ = json.Marshal(value) // text
		}
	}
	out, err := json.Marshal(args)
	if err != nil {
		return nil, fmt.Errorf("testrun: configuration of %s: %w", s.Address, err)
	}
	return out, nil
}
