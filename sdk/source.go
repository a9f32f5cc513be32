package sdk

import (
	"context"
	"time"

	"github.com/patchbay-io/patchbay/sdk/wire"
)

// Info says what a type is. Name is the HCL label of its blocks.
type Info struct {
	Name    string
	Version string
	Summary string // one sentence, for lists and documentation

	// Channel is what a source's events travel on, NoChannel if it varies.
	Channel Channel
	// RetryHorizon is how long the provider goes on repeating a request that
	// was not acknowledged. A dedup window shorter than that counts twice.
	RetryHorizon time.Duration

	// Sink says how a sink behaves; sources leave it zero.
	Sink SinkTraits
}

// Source turns one provider's requests into events. Core calls Configure, then
// Parse, each from one goroutine at a time.
type Source[C any] interface {
	Info() Info

	// Configure checks cfg and returns how requests are authenticated. An error
	// made with Problem points at an argument; Problems joins several. It must
	// not touch the network.
	Configure(ctx context.Context, cfg *C) (Auth, error)

	// Parse adds the events of each request in in to out. It must be pure: the
	// same request gives the same events. An error means that nothing is known
	// about the batch: core asks again with halves of it, so that one request
	// that cannot be parsed spoils no other. So does an answer with more events than
	// requests of that size can hold: one for every four bytes of them, and 64 more
	// for each. in is valid until Parse returns.
	Parse(ctx context.Context, in []Delivery, out *Batch) error
}

// Endpointer is implemented by sources whose provider expects other answers
// than the default: 200 without a body; 401 for a refusal; 503 with Retry-After
// under pressure; POST only; no handshake.
type Endpointer interface {
	// Endpoint is called after Configure.
	Endpoint() Endpoint
}

// Verifier is implemented by sources whose Configure returns Verified.
type Verifier interface {
	// Verify reports whether the request is genuine. It may be called
	// concurrently, and before the request is stored. ctx ends after 5 s at most:
	// the provider is then asked to come again, and a plugin that has answered
	// none of its requests meanwhile is ended and started anew.
	Verify(ctx context.Context, d *Delivery) bool
}

// Endpoint says what a source's URL accepts and what it answers.
type Endpoint struct {
	Methods  []string // default POST
	Success  Answer
	Refusal  Answer // failed authentication; default 401
	Pressure Answer // core cannot store right now; default 503, Retry-After 1 s
	// Handshakes are requests that are answered by themselves.
	Handshakes []Handshake
	// MaxBody is the largest accepted body in bytes. Zero means the receiver's default.
	MaxBody int64
	// ChallengeBasic adds WWW-Authenticate to refusals, for providers that send
	// credentials only when asked.
	ChallengeBasic bool
}

// Answer is an HTTP response. A zero Status means the default of its use.
type Answer struct {
	Status      int
	ContentType string
	Body        string
	RetryAfter  time.Duration
}

// Handshake is a request that proves to the provider that the URL is ours, or
// that carries no event, and how it is answered.
type Handshake struct {
	Method string
	// Authenticated says that the request is authenticated like any other;
	// otherwise Secret guards it, if it is set.
	Authenticated bool
	// When maps templates (see Auth) to the text each must equal; "*" stands
	// for any text that is not empty. All must hold.
	When map[string]string
	// Secret is the template of a value that must equal one of SecretValues.
	Secret       string
	SecretValues []string
	// Answer's Body may be a template, e.g. {query.hub.challenge}.
	Answer Answer
}

func (e Endpoint) wire() *wire.Endpoint {
	w := &wire.Endpoint{
		Methods: e.Methods, Success: e.Success.wire(), Refusal: e.Refusal.wire(), Pressure: e.Pressure.wire(),
		MaxBody: e.MaxBody, ChallengeBasic: e.ChallengeBasic,
	}
	for _, h := range e.Handshakes {
		w.Handshakes = append(w.Handshakes, &wire.Handshake{
			Method: h.Method, Authenticated: h.Authenticated, When: h.When, Secret: h.Secret,
			SecretValues: h.SecretValues, Answer: h.Answer.wire(),
		})
	}
	return w
}

func (a Answer) wire() *wire.Answer {
	return &wire.Answer{
		Status: int32(a.Status), ContentType: a.ContentType, Body: a.Body, RetryAfterMs: a.RetryAfter.Milliseconds(),
	}
}

// Delivery is one stored request, exactly as it was received.
type Delivery struct {
	ReceivedAt    time.Time
	Method        string
	URL           string // the public URL it was sent to, query included
	Headers       []HeaderField
	Body          []byte
	Remote        string // the client's IP address
	Authenticated bool
	Key           int // which of several keys matched, from 0
}

// HeaderField is one header line. Names are in canonical form.
type HeaderField struct {
	Name, Value string
}

// Header returns the first value of name, which must be in canonical form
// (http.CanonicalHeaderKey).
func (d *Delivery) Header(name string) string {
	for i := range d.Headers {
		if d.Headers[i].Name == name {
			return d.Headers[i].Value
		}
	}
	return ""
}

// Codes for Batch.Reject. A source may use its own beside them.
const (
	Malformed   = "malformed"   // not what the content type says
	Unsupported = "unsupported" // understood, but of a kind the source does not handle
)

// Batch collects what Parse found. It is not safe for concurrent use, and
// valid until Parse returns.
type Batch struct {
	events   []*Event
	slab     []Event
	verdicts []verdict
}

type verdict struct {
	ignore           bool
	delivery, index  int
	part             bool
	payloadOffset    int
	payloadLength    int
	code, reasonText string
}

// slabSize is how many events are allocated at a time.
const slabSize = 64

// Add returns a new event of delivery i. Events keep the order in which they
// were added; add a delivery's events in the order of its body.
func (b *Batch) Add(i int) *Event {
	if len(b.slab) == 0 {
		b.slab = make([]Event, slabSize)
	}
	e := &b.slab[0]
	b.slab = b.slab[1:]
	e.delivery = i
	b.events = append(b.events, e)
	return e
}

// Reject says that delivery i cannot be understood. It becomes a dead letter
// with code, err's text and its bytes. err must not quote the payload.
func (b *Batch) Reject(i int, code string, err error) {
	b.verdicts = append(b.verdicts, verdict{delivery: i, code: code, reasonText: errText(err)})
}

// RejectPart says that one part of delivery i, for instance one element of an
// array, cannot be understood; the other parts count. index is the part's place
// in the body, offset and length are where its bytes lie.
func (b *Batch) RejectPart(i, index, offset, length int, code string, err error) {
	b.verdicts = append(b.verdicts, verdict{
		delivery: i, index: index, part: true, payloadOffset: offset, payloadLength: length, code: code, reasonText: errText(err),
	})
}

// Ignore says that delivery i is genuine and carries no event, for instance a
// ping. It is counted under reason.
func (b *Batch) Ignore(i int, reason string) {
	b.verdicts = append(b.verdicts, verdict{ignore: true, delivery: i, code: reason})
}

// Events returns what was added so far, for tests.
func (b *Batch) Events() []*Event { return b.events }

// Rejected returns the code with which delivery i was rejected as a whole, for tests.
func (b *Batch) Rejected(i int) (code string, ok bool) {
	for _, v := range b.verdicts {
		if v.delivery == i && !v.ignore && !v.part {
			return v.code, true
		}
	}
	return "", false
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
