package suite

import (
	"context"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"google.golang.org/protobuf/encoding/protowire"
)

// Harness is a sink's destination, as the suite sees it.
type Harness struct {
	// Config is the block's arguments as JSON. The destination is up.
	Config []byte
	// Unreachable are arguments under which Open cannot succeed, for instance a
	// port where nobody listens. Empty skips what needs them.
	Unreachable []byte
	// Reset empties the destination. It is called while no sink is open. Nil
	// means that it was empty when the suite began and fills up; within a run no
	// id is used for two events.
	Reset func(context.Context) error
	// Read returns the ids that the destination holds, an id as often as it is
	// held, in the order in which the destination holds them. It is called
	// while a sink is open, and must see what has been reported as done. Nil
	// leaves the suite with what the sink says; only sdktest insists on it.
	Read func(context.Context) ([]sdk.ID, error)
	// Disturb has the destination misbehave until end is called, and returns nil
	// if it cannot do that. Nil skips the checks that need it.
	Disturb func(context.Context, Disturbance) (end func(), err error)
	// Unordered says that Read's order means nothing.
	Unordered bool
	// Secrets are texts that must never come back from the plugin, beside the
	// values of sensitive arguments.
	Secrets []string
}

// Disturbance is how a destination misbehaves.
type Disturbance string

// What is expected of a sink meanwhile: no event is rejected, none is called
// done that is not there, and the call returns in time.
const (
	// Down: nobody listens, and connections that stood are broken.
	Down Disturbance = "down"
	// Throttled: the destination says that it is asked too much, and how long to
	// wait. The sink passes the wait on, as a Throttled failure or with Retry.
	Throttled Disturbance = "throttled"
	// Severed: what is written takes effect, and the connection breaks before
	// the destination has said so.
	Severed Disturbance = "severed"
)

// Sink is the conformance suite of one sink type.
type Sink struct {
	Type    string
	Harness Harness
	// Start starts the plugin. Each check has a plugin of its own, as each block
	// has.
	Start func(context.Context) (*Plugin, error)
	// Log returns what the plugins wrote to their logs so far; nil skips the
	// look for secrets there.
	Log func() []byte

	only    string // the one check to run; empty: all
	info    *wire.TypeInfo
	secrets secrets
	maker   eventMaker
}

// Run runs all checks.
func (s *Sink) Run(ctx context.Context, r Reporter) {
	if !r.Run("describe", func(r Reporter) { s.describe(ctx, r) }) || s.info == nil {
		return
	}
	for _, c := range []struct {
		name  string
		check func(context.Context, Reporter)
	}{
		{"configure", s.configure}, {"read_back", s.readBack}, {"shapes", s.shapes}, {"growth", s.growth}, {"sizes", s.sizes},
		{"order", s.order}, {"repeat", s.repeat}, {"overlap", s.overlap}, {"maybe_written", s.maybeWritten}, {"count", s.counts}, {"close", s.closes},
		{"unreachable", s.unreachable}, {"cancel", s.cancel}, {"fault", s.faults}, {"disturbance", s.disturbances},
	} {
		if s.only != "" && s.only != c.name {
			continue
		}
		r.Run(c.name, func(r Reporter) {
			if s.Harness.Reset != nil {
				if err := s.Harness.Reset(ctx); err != nil {
					r.Errorf("the harness cannot reset the destination: %v", err)
					return
				}
			}
			c.check(ctx, r)
		})
	}
	if s.Log != nil {
		r.Run("log", func(r Reporter) { s.secrets.absent(r, "the plugin's log", s.Log()) })
	}
}

func (s *Sink) describe(ctx context.Context, r Reporter) {
	s.with(ctx, r, func(c *sinkConn) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		d, err := c.client.Describe(ctx)
		if err != nil {
			r.Errorf("Describe: %v", err)
			return
		}
		s.info = checkDescription(r, d, wire.TypeInfo_KIND_SINK, s.Type)
		if s.info == nil {
			return
		}
		switch class := sdk.Idempotency(s.info.GetSink().GetIdempotency()); class {
		case sdk.NotIdempotent, sdk.Keyed, sdk.Atomic, sdk.TokenWindow, sdk.Probe:
		default:
			r.Errorf("Describe: the idempotency class %q does not exist", class)
		}
		if err := s.secrets.add(s.Harness.Config, s.info.Schema, s.Harness.Secrets); err != nil {
			r.Errorf("the harness's configuration: %v", err)
		}
	})
}

// sinkConn is one plugin of a check.
type sinkConn struct {
	suite  *Sink
	client *sdk.Client
	plugin *Plugin
	killed bool
}

// with runs a check with a plugin of its own.
func (s *Sink) with(ctx context.Context, r Reporter, check func(*sinkConn)) {
	p, err := s.Start(ctx)
	if err != nil {
		r.Errorf("start the plugin: %v", err)
		return
	}
	c := &sinkConn{suite: s, client: p.Client, plugin: p}
	check(c)
	if c.killed {
		return
	}
	if err := p.Close(); err != nil {
		r.Errorf("end the plugin: %v", err)
	}
}

// kill ends the plugin as a crash would.
func (c *sinkConn) kill(r Reporter) {
	c.killed = true
	if err := c.plugin.Kill(); err != nil {
		r.Errorf("kill the plugin: %v", err)
	}
}

// opened runs a check with an open sink, and closes it.
func (s *Sink) opened(ctx context.Context, r Reporter, check func(*sinkConn)) {
	s.with(ctx, r, func(c *sinkConn) {
		if c.open(ctx, r) {
			check(c)
		}
		if !c.killed {
			c.close(ctx, r)
		}
	})
}

func (c *sinkConn) openCall(ctx context.Context, config []byte, checkOnly bool) (*wire.OpenSinkResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return c.client.OpenSink(ctx, &wire.ConfigureRequest{
		Type: c.suite.Type, Name: "conformance", ConfigJson: config, CheckOnly: checkOnly,
	})
}

// open opens the sink with the good configuration and reports whether it did.
func (c *sinkConn) open(ctx context.Context, r Reporter) bool {
	resp, err := c.openCall(ctx, c.suite.Harness.Config, false)
	if err == nil {
		err = sdk.OpenFailure(resp)
	}
	if err != nil {
		r.Errorf("Open: %v", err)
		return false
	}
	for _, d := range resp.Diagnostics {
		if d.Severity == wire.Diagnostic_SEVERITY_ERROR {
			r.Errorf("Open refuses the good configuration: %s: %s: %s", d.Path, d.Summary, d.Detail)
			return false
		}
	}
	return true
}

func (c *sinkConn) close(ctx context.Context, r Reporter) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := c.client.CloseSink(ctx); err != nil {
		r.Errorf("Close: %v", err)
	}
}

func (c *sinkConn) write(ctx context.Context, batch string, events []sdk.Event) ([]sdk.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	parts := make([][]byte, len(events))
	for i := range events {
		parts[i] = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), events[i].AppendWire(nil))
	}
	return c.client.Write(ctx, parts, len(events), batch, "conformance")
}

// mustWrite writes events to a destination that is up: each must be done, or
// rejected with a code and a reason. It returns those that are done.
func (c *sinkConn) mustWrite(ctx context.Context, r Reporter, batch string, events []sdk.Event) []sdk.Event {
	out, err := c.write(ctx, batch, events)
	if err != nil {
		r.Errorf("Write of %d events: %v", len(events), err)
		return nil
	}
	var done []sdk.Event
	for i, o := range out {
		switch o.Kind {
		case sdk.OutcomeDone, sdk.OutcomeDuplicate:
			done = append(done, events[i])
		case sdk.OutcomeRejected:
			if o.Code == "" || o.Reason == "" {
				r.Errorf("event %d is rejected with code %q, reason %q: both must say why", i, o.Code, o.Reason)
			}
			c.suite.secrets.absent(r, "a rejection", []byte(o.Code+"\n"+o.Reason))
		default:
			r.Errorf("event %d: the destination is up, and the outcome is %+v", i, o)
		}
	}
	return done
}

// held returns how often the destination holds each id, and the order.
func (s *Sink) held(ctx context.Context, r Reporter) (map[sdk.ID]int, []sdk.ID) {
	if s.Harness.Read == nil {
		return nil, nil
	}
	ids, err := s.Harness.Read(ctx)
	if err != nil {
		r.Errorf("the harness cannot read the destination: %v", err)
		return nil, nil
	}
	count := map[sdk.ID]int{}
	for _, id := range ids {
		count[id]++
	}
	return count, ids
}
