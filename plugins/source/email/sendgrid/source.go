package sendgrid

import (
	"context"
	"errors"
	"time"

	"github.com/patchbay-io/patchbay/plugins/source/internal/jsonscan"
	"github.com/patchbay-io/patchbay/sdk"
)

// Limits of what one request may cost beyond its own size (I12). Real requests
// stay far below: SendGrid sends at 768 KB, and an event without custom
// arguments has some 300 bytes and a dozen members.
const (
	maxEvents  = 16384 // a request
	maxMembers = 1000  // an event
)

// Codes of rejections beside those of packages sdk and jsonscan.
const (
	codeTooManyEvents  = "too_many_events"
	codeTooManyMembers = "too_many_members"
)

// Reasons of rejections. They never quote the request.
var (
	errNotArray       = errors.New("the body is not a JSON array")
	errNotObject      = errors.New("the element is not a JSON object")
	errNoWord         = errors.New("the element has no event")
	errNested         = errors.New("a member that must be a text is an object or an array")
	errFault          = errors.New("the element is JSON that cannot be relied on")
	errTooManyEvents  = errors.New("the array goes on after 16384 elements")
	errTooManyMembers = errors.New("the element has more than 1000 members")
)

// Source serves the type sendgrid. It keeps nothing between calls but memory.
type Source struct {
	// tape is used again by each Parse, of which there is one at a time: fresh
	// memory of that size costs a tenth of the whole. It holds places in a text
	// and no text.
	tape jsonscan.Tape
}

// New returns a source.
func New() *Source { return new(Source) }

// Info implements sdk.Source.
func (*Source) Info() sdk.Info {
	return sdk.Info{
		Name: "sendgrid", Version: sdk.Version, Channel: sdk.Email,
		Summary: "SendGrid's Event Webhook: delivery, engagement and consent of email.",
		// SendGrid repeats a request for 24 hours after the event.
		RetryHorizon: 24 * time.Hour,
	}
}

// Configure implements sdk.Source.
func (*Source) Configure(_ context.Context, c *Config) (sdk.Auth, error) { return c.auth() }

// Parse implements sdk.Source.
func (s *Source) Parse(ctx context.Context, in []sdk.Delivery, out *sdk.Batch) error {
	size := 0
	for i := range in {
		size += len(in[i].Body)
	}
	p := parser{out: out, tape: &s.tape, arena: newArena(size)}
	for i := range in {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.request(i, in[i].Body)
	}
	return nil
}

// parser turns requests into events, one after the other.
type parser struct {
	out   *sdk.Batch
	arena arena
	tape  *jsonscan.Tape
	event fields // the one at hand
}

// request reads one request.
func (p *parser) request(delivery int, body []byte) {
	// Events point into this copy: the body's own memory is not ours to keep.
	text := string(body)
	if err := p.tape.Read(text); err != nil {
		p.out.Reject(delivery, sdk.Malformed, err)
		return
	}
	const array = jsonscan.Node(0)
	if p.tape.Value(array).Kind != jsonscan.Array {
		p.out.Reject(delivery, sdk.Malformed, errNotArray)
		return
	}
	end := p.tape.Next(array)
	if end == array+1 {
		p.out.Ignore(delivery, "ping")
		return
	}
	index := 0
	for n := array + 1; n < end; n = p.tape.Next(n) {
		v := p.tape.Value(n)
		if index == maxEvents {
			rest := p.tape.Value(array).End - 1 - v.Start
			p.out.RejectPart(delivery, index, v.Start, rest, codeTooManyEvents, errTooManyEvents)
			return
		}
		if code, err := p.event.read(text, p.tape, n); err != nil {
			p.out.RejectPart(delivery, index, v.Start, v.End-v.Start, code, err)
		} else {
			e := p.out.Add(delivery)
			e.PayloadOffset, e.PayloadLength = v.Start, v.End-v.Start
			p.event.fill(e, &p.arena)
		}
		index++
	}
}
