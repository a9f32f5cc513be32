package inspect

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Options shape an answer. The zero value masks personal data and has the
// default bounds.
type Options struct {
	// Reveal shows personal data as it is.
	Reveal bool
	// MaxChunks is how many chunks of a staged log are decoded; zero means 2000.
	MaxChunks int
	// MaxEvents is how many events are told; zero means 500.
	MaxEvents int
}

func (o Options) withDefaults() Options {
	if o.MaxChunks == 0 {
		o.MaxChunks = 2000
	}
	if o.MaxEvents == 0 {
		o.MaxEvents = 500
	}
	return o
}

// Story is what became of everything that has one id.
type Story struct {
	ID string `json:"id"`
	// Requests are in the order in which they were received.
	Requests []Request `json:"requests"`
	// Truncated says that there may be more: a bound was reached.
	Truncated bool `json:"truncated,omitempty"`
}

// Request is a stored request and what it led to.
type Request struct {
	Ref           string    `json:"request"` // "twilio.support/12"
	Source        string    `json:"source"`
	Offset        uint64    `json:"raw_offset"`
	ReceivedAt    time.Time `json:"received_at"`
	Method        string    `json:"method,omitempty"`
	Authenticated bool      `json:"authenticated"`
	Key           int       `json:"key"` // which of several keys matched, from 0
	Remote        string    `json:"remote,omitempty"`
	Bytes         int       `json:"bytes"` // of the body
	// Gone says that retention has removed the request itself.
	Gone bool `json:"gone,omitempty"`
	// WaitsFor are the pipelines that have not processed the request yet.
	WaitsFor []string `json:"waits_for,omitempty"`
	// Unread says that no pipeline has ever read the source.
	Unread bool    `json:"unread,omitempty"`
	Events []Event `json:"events"`
}

// Event is one entry of a staged log: an event, or a note of why a request or
// an event goes nowhere.
type Event struct {
	Pipeline string    `json:"pipeline"`
	Offset   uint64    `json:"staged_offset"`
	StagedAt time.Time `json:"staged_at"`
	// Outcome is a word of the ledger: staged, duplicate, filtered, ignored or
	// dead_lettered. By names the stage and Detail says more.
	Outcome string `json:"outcome"`
	By      string `json:"by,omitempty"`
	Detail  string `json:"detail,omitempty"`

	Facts

	DeadLetter *DeadLetterRef `json:"dead_letter,omitempty"`
	// Deliveries tell of each sink that the event is meant for.
	Deliveries []Delivery `json:"deliveries,omitempty"`
}

// Facts are what an event is, whatever becomes of it.
type Facts struct {
	Request        string            `json:"request"`
	RawIndex       int               `json:"raw_index"`
	EventID        string            `json:"event_id,omitempty"` // empty for a request without events
	MessageID      string            `json:"message_id,omitempty"`
	ConversationID string            `json:"conversation_id,omitempty"`
	CustomerID     string            `json:"customer_id,omitempty"`
	CampaignID     string            `json:"campaign_id,omitempty"`
	Account        string            `json:"account,omitempty"`
	Channel        string            `json:"channel,omitempty"`
	Direction      string            `json:"direction,omitempty"`
	EventType      string            `json:"event_type,omitempty"`
	DeliveryStatus string            `json:"delivery_status,omitempty"`
	ProviderStatus string            `json:"provider_status,omitempty"`
	StatusCode     string            `json:"status_code,omitempty"`
	ErrorReason    string            `json:"error_reason,omitempty"`
	Recipient      string            `json:"recipient,omitempty"`
	Sender         string            `json:"sender,omitempty"`
	Time           time.Time         `json:"event_timestamp,omitzero"`
	ReceivedAt     time.Time         `json:"received_at"`
	Provider       string            `json:"provider,omitempty"`
	Source         string            `json:"source"`
	Attributes     map[string]string `json:"attributes,omitempty"`
}

// The states of a Delivery.
const (
	Delivered  = "delivered"
	Waiting    = "waiting"
	DeadLetter = "dead_letter"
	Discarded  = "discarded"
)

// Delivery is what became of an event in one sink.
type Delivery struct {
	Sink  string `json:"sink"`
	State string `json:"state"`
	// At is when the sink had it. Zero if that is not remembered any more; no
	// later than At if Approximate is set.
	At          time.Time `json:"at,omitzero"`
	Approximate bool      `json:"approximate,omitempty"`
	TookMicros  int64     `json:"took_us,omitempty"`
	// Batch is how many events were written together.
	Batch      int            `json:"batch,omitempty"`
	DeadLetter *DeadLetterRef `json:"dead_letter,omitempty"`
	// Ahead is how many entries of the staged log stand before a waiting event.
	Ahead uint64 `json:"ahead,omitempty"`
}

// DeadLetterRef names a dead letter.
type DeadLetterRef struct {
	ID     uint64    `json:"id"`
	State  string    `json:"state"`
	Code   string    `json:"code"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// ErrNotFound says that nothing has the id that was asked for.
var ErrNotFound = errors.New("inspect: not found")

// NotFound is the error of a search without a result. It wraps ErrNotFound.
type NotFound struct {
	ID        string
	Pipelines []string // that were searched
	Truncated bool     // a bound ended the search
	// Why is said instead of what was searched, if it is not empty.
	Why string
}

// Error says what was searched.
func (n *NotFound) Error() string {
	s := fmt.Sprintf("nothing is known of %q: ", n.ID)
	switch {
	case n.Why != "":
		return s + n.Why
	case len(n.Pipelines) == 0:
		return s + "no pipeline has had an event yet"
	}
	what := "pipeline "
	if len(n.Pipelines) > 1 {
		what = "pipelines "
	}
	what += strings.Join(n.Pipelines, ", ")
	if n.Truncated {
		return s + "searched the newest events kept by " + what + ", and stopped at the limit"
	}
	return s + "searched all events kept by " + what
}

// Unwrap returns ErrNotFound.
func (n *NotFound) Unwrap() error { return ErrNotFound }
