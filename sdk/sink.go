package sdk

import (
	"context"
	"errors"
	"time"
)

// Sink delivers events to one destination. Core calls Open once, then Write
// from a single goroutine, then Close. Close also follows a failed Open.
type Sink[C any] interface {
	Info() Info

	// Open checks cfg and connects. An error made with Problem points at an
	// argument: the configuration is wrong. Any other error says that the
	// destination cannot be reached now; core tries again.
	Open(ctx context.Context, cfg *C) error

	// Write delivers in. An event is done unless out says otherwise. Within a
	// message (Event.MessageID) order must be kept: after a Retry or an Unknown,
	// later events of the same message in this batch must be retried too.
	//
	// An error says something about the destination as a whole (see Failure) or,
	// if it is not a Failure, that nothing is known about the batch: core sends
	// it again, in halves if that goes on, so a sink that is not idempotent must
	// say so in Info. in is valid until Write returns, then its memory is used
	// again; cancellation of ctx means that core no longer waits.
	Write(ctx context.Context, in []Event, out *Results) error

	Close(ctx context.Context) error
}

// Idempotency says what a repeated Write does (the classes of sink design:
// A keyed, B atomic, C window, D probe, E none).
type Idempotency string

// The idempotency classes.
const (
	// NotIdempotent: a repeated event is a second effect. Core then makes the
	// outcome of each event durable before it goes on.
	NotIdempotent Idempotency = "none"
	// Keyed: the event's id decides; a repeat changes nothing.
	Keyed Idempotency = "keyed"
	// Atomic: the batch id is committed with the data.
	Atomic Idempotency = "atomic"
	// TokenWindow: repeats of a batch id are dropped within a bounded window.
	TokenWindow Idempotency = "window"
	// Probe: for events flagged MaybeWritten the sink looks before it writes.
	Probe Idempotency = "probe"
)

// SinkTraits says how a sink behaves. Zero fields take core's defaults.
type SinkTraits struct {
	Idempotency  Idempotency   // default NotIdempotent
	MaxEvents    int           // a batch; default 512
	MaxBytes     int           // a batch; default 1 MiB
	WriteTimeout time.Duration // default 30 s
}

// Results collects the outcomes of a Write that are not simply done. It is not
// safe for concurrent use.
type Results struct {
	batchID  string
	pipeline string
	n        int
	outcomes []outcome
}

type outcomeKind uint8

const (
	kindDuplicate outcomeKind = iota
	kindRetry
	kindUnknown
	kindRejected
)

type outcome struct {
	kind   outcomeKind
	index  int
	code   string
	reason string
	wait   time.Duration
}

// BatchID identifies this batch: the same events have the same id across
// retries and restarts.
func (r *Results) BatchID() string { return r.batchID }

// Pipeline is the pipeline that the batch belongs to.
func (r *Results) Pipeline() string { return r.pipeline }

// Retry says that event i did not take effect and may later. A positive wait is
// what the destination asked for.
func (r *Results) Retry(i int, err error, wait time.Duration) {
	r.outcomes = append(r.outcomes, outcome{kind: kindRetry, index: i, reason: errText(err), wait: wait})
}

// Unknown says that event i may have taken effect: core sends it again with
// MaybeWritten set.
func (r *Results) Unknown(i int, err error) {
	r.outcomes = append(r.outcomes, outcome{kind: kindUnknown, index: i, reason: errText(err)})
}

// Reject says that event i will never be accepted. It becomes a dead letter of
// this sink with code and err's text. Use it only for what is wrong with the
// event itself, never for a missing table or a refused login.
func (r *Results) Reject(i int, code string, err error) {
	r.outcomes = append(r.outcomes, outcome{kind: kindRejected, index: i, code: code, reason: errText(err)})
}

// Duplicate says that event i was there already.
func (r *Results) Duplicate(i int) {
	r.outcomes = append(r.outcomes, outcome{kind: kindDuplicate, index: i})
}

// FailureClass says what is wrong with a destination.
type FailureClass string

// The failure classes. None of them makes a dead letter.
const (
	Transient     FailureClass = "transient" // try again, with backoff
	Throttled     FailureClass = "throttled" // wait as told, send less
	AuthFailed    FailureClass = "auth"      // credentials refused: pause and alert
	Misconfigured FailureClass = "config"    // a table, topic or permission is missing: pause and alert
)

// Failure is an error about the destination as a whole. Write and Open return
// it; no event of the batch has taken effect. Where some may have, report them
// with Results.Unknown instead.
type Failure struct {
	Class FailureClass
	Code  string
	Err   error
	Wait  time.Duration // what the destination asked for
}

func (f *Failure) Error() string {
	s := string(f.Class)
	if f.Code != "" {
		s += " (" + f.Code + ")"
	}
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}

func (f *Failure) Unwrap() error { return f.Err }

func asFailure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return nil
}
