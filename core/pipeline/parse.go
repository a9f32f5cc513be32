package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/sdk"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Plugin is what a lane needs of its source's process.
type Plugin interface {
	// Client waits for a running plugin.
	Client(ctx context.Context) (*sdk.Client, error)
	// Fault ends the instance that c belongs to.
	Fault(c *sdk.Client, reason error)
}

// parsed is a batch of requests and what the plugin found in them.
type parsed struct {
	entries  []journal.Entry
	events   []sdk.Event
	verdicts []sdk.Verdict
}

// Codes of dead letters that core makes by itself.
const (
	CodePluginFailed    = "plugin_failed"   // the plugin fails on this request alone
	CodeUnauthenticated = "unauthenticated" // quarantined: waits for a person
	CodeCorrupt         = "corrupt"         // cannot be read back
)

// attempts is how often a single request is tried before it is given up.
const attempts = 3

// parser has batches parsed, whatever the plugin does.
type parser struct {
	plugin  Plugin
	timeout time.Duration
	retry   func(ctx context.Context, attempt int) error // waits
	// succeeded tells that the plugin parsed something since the last failure,
	// so that a request that goes on failing is itself to blame.
	succeeded bool
}

// parse parses entries. It returns an error only if ctx ends or the plugin is
// stopped for good.
func (p *parser) parse(ctx context.Context, entries []journal.Entry) (*parsed, error) {
	for attempt := 1; ; attempt++ {
		out, err := p.once(ctx, entries)
		if err == nil {
			p.succeeded = true
			return out, nil
		}
		if ctx.Err() != nil || errors.Is(err, errStopped) {
			return nil, err
		}
		if len(entries) > 1 {
			return p.halves(ctx, entries)
		}
		if attempt >= attempts && (p.succeeded || attempt >= 3*attempts) {
			v := sdk.Verdict{Code: CodePluginFailed, Reason: failureText(err)}
			return &parsed{entries: entries, verdicts: []sdk.Verdict{v}}, nil
		}
		if err := p.retry(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

// halves isolates what the plugin fails on.
func (p *parser) halves(ctx context.Context, entries []journal.Entry) (*parsed, error) {
	mid := len(entries) / 2
	out := &parsed{entries: entries}
	for _, part := range []struct{ from, to int }{{0, mid}, {mid, len(entries)}} {
		r, err := p.parse(ctx, entries[part.from:part.to])
		if err != nil {
			return nil, err
		}
		for i := range r.events {
			r.events[i].ShiftDelivery(part.from)
		}
		for i := range r.verdicts {
			r.verdicts[i].Delivery += part.from
		}
		out.events = append(out.events, r.events...)
		out.verdicts = append(out.verdicts, r.verdicts...)
	}
	return out, nil
}

var errStopped = errors.New("pipeline: plugin stopped")

func (p *parser) once(ctx context.Context, entries []journal.Entry) (*parsed, error) {
	client, err := p.plugin.Client(ctx)
	if err != nil {
		if ctx.Err() == nil {
			return nil, fmt.Errorf("%w: %w", errStopped, err)
		}
		return nil, err
	}
	callCtx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	r, err := client.Parse(callCtx, journal.Runs(entries), len(entries))
	if err != nil {
		// A plugin that does not answer, or lies, is ended (I13); one that said
		// no is not.
		if errors.Is(err, sdk.ErrProtocol) || errors.Is(err, sdk.ErrWire) || status.Code(err) == codes.DeadlineExceeded {
			p.plugin.Fault(client, err)
		}
		return nil, err
	}
	return &parsed{entries: entries, events: r.Events, verdicts: r.Verdicts}, nil
}

// failureText is the error without gRPC's frame, bounded.
func failureText(err error) string {
	text := err.Error()
	if s, ok := status.FromError(err); ok {
		text = s.Message()
	}
	return text[:min(len(text), 500)]
}
