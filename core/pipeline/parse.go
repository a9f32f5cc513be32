package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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
	CodeNoEvent         = "no_event"        // a part, tried again, gives none
)

// attempts is how often a single request is tried before it is given up.
const attempts = 3

// errHeld says that the plugin fails on everything that it was asked: that tells
// about the plugin, and nothing about any request.
var errHeld = errors.New("pipeline: the plugin parses nothing")

// errStopped says that the plugin will not run again.
var errStopped = errors.New("pipeline: plugin stopped")

// parser has batches parsed, whatever the plugin does.
type parser struct {
	plugin  Plugin
	timeout time.Duration
	retry   func(ctx context.Context, attempt int) error // waits
	// newest returns the newest request there is, which may vouch for the plugin
	// where all of a batch fails.
	newest func() ([]journal.Entry, error)

	// calling is held during a call: the contract has one at a time, and a retry
	// by hand comes beside the lane.
	calling sync.Mutex

	// healthy tells that the plugin parsed something before the request at held
	// began to fail, rounds how often that was tried since.
	healthy bool
	held    uint64
	rounds  int
}

// pass is one way through a batch: what was parsed, and what failed alone.
type pass struct {
	parts    []part
	suspects []suspect
}

// part is what was found in the requests from the batch's from-th on.
type part struct {
	from int
	*parsed
}

type suspect struct {
	from int
	err  error
}

// parse parses entries. A request that fails by itself is given up once others
// got through. It returns an error if ctx ends, if the plugin is stopped for
// good, or errHeld, after which the same requests are to be tried again.
func (p *parser) parse(ctx context.Context, entries []journal.Entry) (*parsed, error) {
	var ps pass
	if err := p.bisect(ctx, entries, 0, &ps); err != nil {
		return nil, err
	}
	vouched := len(ps.parts) > 0
	if !vouched {
		var err error
		if vouched, err = p.vouched(ctx, entries); err != nil {
			return nil, err
		}
	}
	if vouched {
		p.healthy = true
	} else if !p.blames(entries) {
		return nil, fmt.Errorf("%w: %w", errHeld, ps.suspects[0].err)
	}
	for _, s := range ps.suspects {
		r, err := p.single(ctx, entries[s.from:s.from+1], s.err)
		if err != nil {
			return nil, err
		}
		ps.parts = append(ps.parts, part{s.from, r})
	}
	return ps.join(entries), nil
}

// vouched reports whether the plugin parses the newest request, if that lies
// beyond the batch: a long run of bad requests must not hold the lane for ever.
func (p *parser) vouched(ctx context.Context, entries []journal.Entry) (bool, error) {
	newest, err := p.newest()
	if err != nil || len(newest) == 0 || newest[0].Offset <= entries[len(entries)-1].Offset {
		return false, err
	}
	_, err = p.once(ctx, newest)
	if err != nil && (ctx.Err() != nil || errors.Is(err, errStopped)) {
		return false, err
	}
	return err == nil, nil
}

// blames reports whether a request that arrived alone, so that no other can
// speak for the plugin, is at fault: the plugin was healthy before it, and has
// failed on it again and again.
func (p *parser) blames(entries []journal.Entry) bool {
	if first := entries[0].Offset; first != p.held || p.rounds == 0 {
		p.held, p.rounds = first, 0
	}
	p.rounds++
	if len(entries) > 1 || !p.healthy || p.rounds < attempts {
		return false
	}
	p.healthy = false // the next one has to be vouched for again
	return true
}

// bisect isolates what the plugin fails on.
func (p *parser) bisect(ctx context.Context, entries []journal.Entry, from int, ps *pass) error {
	r, err := p.once(ctx, entries)
	switch {
	case err == nil:
		ps.parts = append(ps.parts, part{from, r})
		return nil
	case ctx.Err() != nil || errors.Is(err, errStopped):
		return err
	case len(entries) == 1:
		ps.suspects = append(ps.suspects, suspect{from, err})
		return nil
	}
	mid := len(entries) / 2
	if err := p.bisect(ctx, entries[:mid], from, ps); err != nil {
		return err
	}
	return p.bisect(ctx, entries[mid:], from+mid, ps)
}

// single gives a suspect its last chances, then a verdict.
func (p *parser) single(ctx context.Context, entries []journal.Entry, cause error) (*parsed, error) {
	for attempt := 1; attempt < attempts; attempt++ {
		if err := p.retry(ctx, attempt); err != nil {
			return nil, err
		}
		r, err := p.once(ctx, entries)
		if err == nil || ctx.Err() != nil || errors.Is(err, errStopped) {
			return r, err
		}
		cause = err
	}
	v := sdk.Verdict{Code: CodePluginFailed, Reason: failureText(cause)}
	return &parsed{entries: entries, verdicts: []sdk.Verdict{v}}, nil
}

// join puts the parts back together, in the order of the requests.
func (ps *pass) join(entries []journal.Entry) *parsed {
	slices.SortFunc(ps.parts, func(a, b part) int { return a.from - b.from })
	out := &parsed{entries: entries}
	for _, r := range ps.parts {
		for i := range r.events {
			r.events[i].ShiftDelivery(r.from)
		}
		for i := range r.verdicts {
			r.verdicts[i].Delivery += r.from
		}
		out.events = append(out.events, r.events...)
		out.verdicts = append(out.verdicts, r.verdicts...)
	}
	return out
}

func (p *parser) once(ctx context.Context, entries []journal.Entry) (*parsed, error) {
	client, err := p.plugin.Client(ctx)
	if err != nil {
		if ctx.Err() == nil {
			return nil, fmt.Errorf("%w: %w", errStopped, err)
		}
		return nil, err
	}
	p.calling.Lock()
	defer p.calling.Unlock()
	callCtx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	r, err := client.Parse(callCtx, journal.Runs(entries), len(entries))
	if err == nil {
		err = believable(entries, r)
	}
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

// believable refuses an answer that contradicts itself (F15): an event whose
// bytes lie outside its request, or a request that is refused or ignored as a
// whole and yet has events, or is so twice.
func believable(entries []journal.Entry, r *sdk.Parsed) error {
	events := make([]int, len(entries))
	sizes := make([]int, len(entries))
	for i := range sizes {
		sizes[i] = -1
	}
	for i := range r.Events {
		e := &r.Events[i]
		d := e.DeliveryIndex()
		events[d]++
		if e.PayloadOffset == 0 && e.PayloadLength == 0 {
			continue
		}
		if sizes[d] < 0 {
			o, err := decodeOrigin("", "", entries[d])
			if err != nil {
				return err
			}
			sizes[d] = len(o.delivery.Body)
		}
		if from, n := e.PayloadOffset, e.PayloadLength; from < 0 || n < 0 || from > sizes[d] || n > sizes[d]-from {
			return fmt.Errorf("%w: an event's payload lies outside its request", sdk.ErrProtocol)
		}
	}
	ended := make([]bool, len(entries))
	for _, v := range r.Verdicts {
		if v.Part {
			continue
		}
		if ended[v.Delivery] || events[v.Delivery] > 0 {
			return fmt.Errorf("%w: two answers to one request", sdk.ErrProtocol)
		}
		ended[v.Delivery] = true
	}
	return nil
}

// failureText is the error without gRPC's frame, bounded.
func failureText(err error) string {
	text := err.Error()
	if s, ok := status.FromError(err); ok {
		text = s.Message()
	}
	return strings.ToValidUTF8(text[:min(len(text), 500)], "")
}
