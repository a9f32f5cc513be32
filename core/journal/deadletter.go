package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// DeadLetterState says where a dead letter stands.
type DeadLetterState string

// The states.
const (
	DeadOpen      DeadLetterState = "open"
	DeadRetrying  DeadLetterState = "retrying" // taken up again, outcome not known yet
	DeadResolved  DeadLetterState = "resolved" // a retry succeeded
	DeadDiscarded DeadLetterState = "discarded"
)

// DeadLetter is a request, a part of one, or an event that was refused for good
// and kept with its reason.
type DeadLetter struct {
	ID       uint64          `json:"id"`
	State    DeadLetterState `json:"state"`
	Pipeline string          `json:"pipeline"`
	// Sink is the address of the sink that refused the event; empty for what a
	// source could not parse.
	Sink      string    `json:"sink,omitempty"`
	Source    string    `json:"source"`
	Code      string    `json:"code"`
	Reason    string    `json:"reason"`
	Attempts  int       `json:"attempts"`
	FirstAt   time.Time `json:"first_at"`
	LastAt    time.Time `json:"last_at"`
	RawOffset uint64    `json:"raw_offset"`
	RawIndex  int       `json:"raw_index,omitempty"`
	// Part says that only a part of the request was refused, PartOffset where
	// it lies in the body.
	Part       bool `json:"part,omitempty"`
	PartOffset int  `json:"part_offset,omitempty"`
	// Staged is the event's offset in the pipeline's staged log, for a sink's
	// dead letter.
	Staged    uint64 `json:"staged,omitempty"`
	EventID   string `json:"event_id,omitempty"`
	MessageID string `json:"message_id,omitempty"`
	// Event is the event as it was staged, Body the refused bytes of a request.
	Event []byte `json:"event,omitempty"`
	Body  []byte `json:"body,omitempty"`
	// Row is the ledger row, without its outcome, that accounts for it.
	Row Row `json:"row"`
}

// ErrNoDeadLetter is returned for an id that does not exist.
var ErrNoDeadLetter = errors.New("journal: no such dead letter")

// DeadLetter returns one dead letter.
func (j *Journal) DeadLetter(id uint64) (*DeadLetter, error) {
	v, closer, err := j.db.Get(deadKey(id))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, ErrNoDeadLetter
	}
	if err != nil {
		return nil, readError(fmt.Sprintf("dead letter %d", id), err)
	}
	defer closer.Close()
	d := new(DeadLetter)
	if err := json.Unmarshal(v, d); err != nil {
		return nil, fmt.Errorf("%w: dead letter %d: %w", ErrCorrupt, id, err)
	}
	return d, nil
}

// DeadLetters calls each for the dead letters from id on, oldest first, until
// each returns false.
func (j *Journal) DeadLetters(from uint64, each func(*DeadLetter) bool) error {
	return j.scan(deadKey(from), upperBound([]byte{prefixDead}), func(k, v []byte) (bool, error) {
		d := new(DeadLetter)
		if err := json.Unmarshal(v, d); err != nil {
			return false, fmt.Errorf("%w: %s: %w", ErrCorrupt, describeKey(k), err)
		}
		return each(d), nil
	})
}
