package sdktest

import (
	"context"
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"go.uber.org/goleak"
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
	// while a sink is open, and must see what has been reported as done.
	Read func(context.Context) ([]sdk.ID, error)
	// Unordered says that Read's order means nothing.
	Unordered bool
	// Secrets are texts that must never come back from the plugin, beside the
	// values of sensitive arguments.
	Secrets []string
}

// Sink proves that the sinks that newSink returns keep the contract of sdk.Sink.
// It looks for goroutines left behind, so the test that calls it must not be
// parallel.
func Sink[C any](t *testing.T, newSink func() sdk.Sink[C], h Harness) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	var conns []*Connection
	suite := &SinkSuite{
		Type: newSink().Info().Name, Harness: h,
		Connect: func(context.Context) (*sdk.Client, func() error, error) {
			c, err := Connect(sdk.SinkType(newSink()))
			if err != nil {
				return nil, nil, err
			}
			conns = append(conns, c)
			return c.Client, c.Close, nil
		},
		Log: func() []byte {
			var all []byte
			for _, c := range conns {
				all = append(all, c.Log()...)
			}
			return all
		},
	}
	suite.Run(t.Context(), testReporter{t})
	if err := goleak.Find(before); err != nil {
		t.Errorf("the sink leaves goroutines behind: %v", err)
	}
}

// SinkSuite is the conformance suite of one sink type.
type SinkSuite struct {
	Type    string
	Harness Harness
	// Connect starts the plugin and returns a client and what ends it. Each
	// check has a plugin of its own, as each block has.
	Connect func(context.Context) (*sdk.Client, func() error, error)
	// Log returns what the plugins wrote to their logs so far; nil skips the
	// look for secrets there.
	Log func() []byte

	info    *wire.TypeInfo
	secrets secrets
	maker   eventMaker
}

// Run runs all checks.
func (s *SinkSuite) Run(ctx context.Context, r Reporter) {
	if !r.Run("describe", func(r Reporter) { s.describe(ctx, r) }) || s.info == nil {
		return
	}
	for _, c := range []struct {
		name  string
		check func(context.Context, Reporter)
	}{
		{"configure", s.configure}, {"shapes", s.shapes}, {"sizes", s.sizes}, {"order", s.order}, {"repeat", s.repeat},
		{"overlap", s.overlap}, {"maybe_written", s.maybeWritten}, {"close", s.closes}, {"unreachable", s.unreachable},
		{"cancel", s.cancel},
	} {
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

func (s *SinkSuite) describe(ctx context.Context, r Reporter) {
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
	suite  *SinkSuite
	client *sdk.Client
}

// with runs a check with a plugin of its own.
func (s *SinkSuite) with(ctx context.Context, r Reporter, check func(*sinkConn)) {
	client, end, err := s.Connect(ctx)
	if err != nil {
		r.Errorf("start the plugin: %v", err)
		return
	}
	check(&sinkConn{s, client})
	if err := end(); err != nil {
		r.Errorf("end the plugin: %v", err)
	}
}

// opened runs a check with an open sink, and closes it.
func (s *SinkSuite) opened(ctx context.Context, r Reporter, check func(*sinkConn)) {
	s.with(ctx, r, func(c *sinkConn) {
		if c.open(ctx, r) {
			check(c)
		}
		c.close(ctx, r)
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
func (s *SinkSuite) held(ctx context.Context, r Reporter) (map[sdk.ID]int, []sdk.ID) {
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
