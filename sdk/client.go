package sdk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/patchbay-io/patchbay/sdk/wire"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Client is the other side of a plugin: core and package sdktest speak through
// it. Plugins do not need it. It is safe for concurrent use.
type Client struct {
	cc grpc.ClientConnInterface
}

// NewClient returns a client over a connection made with wire.DialOptions.
func NewClient(cc grpc.ClientConnInterface) *Client { return &Client{cc} }

// ErrProtocol is returned when a plugin answers what cannot be an answer: fewer
// results, more, or of something else (I13).
var ErrProtocol = errors.New("plugin broke the protocol")

// Describe asks which types the plugin serves.
func (c *Client) Describe(ctx context.Context) (*wire.DescribeResponse, error) {
	out := new(wire.DescribeResponse)
	return out, c.cc.Invoke(ctx, wire.MethodDescribe, &wire.DescribeRequest{}, out)
}

// Stop announces the end.
func (c *Client) Stop(ctx context.Context) error {
	return c.cc.Invoke(ctx, wire.MethodStop, &wire.StopRequest{}, new(wire.StopResponse))
}

// ConfigureSource configures a source block.
func (c *Client) ConfigureSource(ctx context.Context, r *wire.ConfigureRequest) (*wire.ConfigureSourceResponse, error) {
	out := new(wire.ConfigureSourceResponse)
	return out, c.cc.Invoke(ctx, wire.MethodSourceConfigure, r, out)
}

// Parsed is what Parse found: for each delivery its events, or a verdict.
type Parsed struct {
	// Events are in the order of their deliveries (Event.DeliveryIndex).
	Events   []Event
	Verdicts []Verdict
}

// Verdict is said of a delivery, or of a part of it, that gave no event.
type Verdict struct {
	Ignored  bool
	Delivery int
	Part     bool
	Index    int // of the part
	// Offset and Length say where the part's bytes lie in the body.
	Offset, Length int
	Code, Reason   string
}

// Parse parses n deliveries. parts, concatenated, are the bytes of a
// ParseRequest. The events' strings alias one buffer that the result owns.
func (c *Client) Parse(ctx context.Context, parts [][]byte, n int) (*Parsed, error) {
	resp := new(wire.Frame)
	if err := c.cc.Invoke(ctx, wire.MethodParse, &wire.Frame{Parts: parts}, resp); err != nil {
		return nil, err
	}
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	return decodeParsed(resp.Data, n, maxParsed(n, size))
}

// maxParsed is how many events n requests of so many bytes together can hold. It is
// far more than any provider sends: an event takes hundreds of bytes of core's memory
// and next to none in a plugin's answer, and core must outlive a plugin that answers
// without end (I12, I13).
func maxParsed(n, size int) int { return 64*n + size/4 }

func decodeParsed(data []byte, n, most int) (*Parsed, error) {
	// A request may hold thousands of events: counting first is cheaper than letting
	// the slice grow.
	events := count(data, 1)
	if events > most {
		return nil, fmt.Errorf("%w: %d events of %d requests, which have room for %d", ErrProtocol, events, n, most)
	}
	p := &Parsed{Events: make([]Event, 0, events)}
	answered, last := 0, 0
	err := repeated(data, 1, func(b []byte) error {
		p.Events = append(p.Events, Event{})
		e := &p.Events[len(p.Events)-1]
		if err := e.UnmarshalWire(b); err != nil {
			return err
		}
		if e.delivery < last || e.delivery >= n {
			return fmt.Errorf("%w: event of request %d after %d, of %d", ErrProtocol, e.delivery, last, n)
		}
		if e.Type >= eventTypes || e.Channel >= channels || e.Direction >= directions {
			return fmt.Errorf("%w: an event has a type, channel or direction that does not exist", ErrProtocol)
		}
		last = e.delivery
		return nil
	}, func(f *field) error {
		switch {
		case f.num == 2 && f.typ == protowire.BytesType:
			v, err := decodeVerdict(f.b, n)
			p.Verdicts = append(p.Verdicts, v)
			return err
		case f.num == 3 && f.typ == protowire.VarintType:
			answered = small(f.v)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if answered != n {
		return nil, fmt.Errorf("%w: asked for %d requests, answered %d", ErrProtocol, n, answered)
	}
	return p, nil
}

func decodeVerdict(b []byte, n int) (Verdict, error) {
	var w wire.Verdict
	if err := proto.Unmarshal(b, &w); err != nil {
		return Verdict{}, fmt.Errorf("%w: verdict: %w", ErrWire, err)
	}
	v := Verdict{
		Ignored: w.Kind == wire.Verdict_KIND_IGNORE, Delivery: small(uint64(w.Delivery)), Part: w.Part, Index: small(uint64(w.Index)),
		Offset: small(w.PayloadOffset), Length: small(w.PayloadLength), Code: w.Code, Reason: w.Reason,
	}
	if v.Delivery >= n {
		return v, fmt.Errorf("%w: verdict on request %d of %d", ErrProtocol, v.Delivery, n)
	}
	return v, nil
}

// Verify authenticates n deliveries; parts are as for Parse.
func (c *Client) Verify(ctx context.Context, parts [][]byte, n int) ([]bool, error) {
	out := new(wire.VerifyResponse)
	if err := c.cc.Invoke(ctx, wire.MethodVerify, &wire.Frame{Parts: parts}, out); err != nil {
		return nil, err
	}
	if len(out.Ok) != n {
		return nil, fmt.Errorf("%w: asked for %d requests, answered %d", ErrProtocol, n, len(out.Ok))
	}
	return out.Ok, nil
}

// OpenSink opens a sink block.
func (c *Client) OpenSink(ctx context.Context, r *wire.ConfigureRequest) (*wire.OpenSinkResponse, error) {
	out := new(wire.OpenSinkResponse)
	return out, c.cc.Invoke(ctx, wire.MethodOpen, r, out)
}

// OutcomeKind says what became of an event in a Write.
type OutcomeKind uint8

// The outcomes.
const (
	OutcomeDone OutcomeKind = iota
	OutcomeDuplicate
	OutcomeRetry
	OutcomeUnknown
	OutcomeRejected
)

// Outcome is what became of one event.
type Outcome struct {
	Kind         OutcomeKind
	Code, Reason string
	Wait         time.Duration
}

// Write delivers n events. parts, concatenated, are the repeated field events
// of a WriteRequest. The outcomes match the events one to one. A *Failure says
// that no event took effect; any other error that nothing is known.
func (c *Client) Write(ctx context.Context, parts [][]byte, n int, batchID, pipeline string) ([]Outcome, error) {
	tail := appendString(nil, 2, batchID)
	tail = appendString(tail, 3, pipeline)
	resp := new(wire.WriteResponse)
	if err := c.cc.Invoke(ctx, wire.MethodWrite, &wire.Frame{Parts: append(parts[:len(parts):len(parts)], tail)}, resp); err != nil {
		return nil, err
	}
	if f := resp.Failure; f != nil {
		return nil, clientFailure(f)
	}
	if int(resp.Events) != n {
		return nil, fmt.Errorf("%w: asked for %d events, answered %d", ErrProtocol, n, resp.Events)
	}
	out := make([]Outcome, n)
	said := make([]bool, n)
	for _, o := range resp.Outcomes {
		if int64(o.Index) >= int64(n) || said[o.Index] {
			return nil, fmt.Errorf("%w: outcome of event %d of %d", ErrProtocol, o.Index, n)
		}
		said[o.Index] = true
		kind, ok := outcomeKinds[o.Kind]
		if !ok {
			return nil, fmt.Errorf("%w: outcome kind %d", ErrProtocol, o.Kind)
		}
		out[o.Index] = Outcome{Kind: kind, Code: o.Code, Reason: o.Reason, Wait: waitMs(o.WaitMs)}
	}
	return out, nil
}

var outcomeKinds = map[wire.Outcome_Kind]OutcomeKind{
	wire.Outcome_KIND_DUPLICATE: OutcomeDuplicate, wire.Outcome_KIND_RETRY: OutcomeRetry,
	wire.Outcome_KIND_UNKNOWN: OutcomeUnknown, wire.Outcome_KIND_REJECTED: OutcomeRejected,
}

// ClientFailure turns a failure on the wire into a *Failure.
func clientFailure(f *wire.Failure) error {
	class := FailureClass(f.Class)
	switch class {
	case Transient, Throttled, AuthFailed, Misconfigured:
	default:
		class = Transient
	}
	return &Failure{Class: class, Code: f.Code, Err: errors.New(f.Reason), Wait: waitMs(f.WaitMs)}
}

// maxWait bounds what a plugin can ask for.
const maxWait = 24 * time.Hour

func waitMs(ms int64) time.Duration {
	return min(max(time.Duration(0), time.Duration(min(ms, maxWait.Milliseconds()))*time.Millisecond), maxWait)
}

// OpenFailure returns the *Failure of an OpenSinkResponse, nil if it opened.
func OpenFailure(r *wire.OpenSinkResponse) error {
	if r.Failure == nil {
		return nil
	}
	return clientFailure(r.Failure)
}

// CloseSink closes a sink block.
func (c *Client) CloseSink(ctx context.Context) error {
	return c.cc.Invoke(ctx, wire.MethodClose, &wire.CloseRequest{}, new(wire.CloseResponse))
}
